"""How the commands are called, and what is said of a mistake."""

from __future__ import annotations

import pytest

from tests.push.running import run_quietly


@pytest.mark.parametrize(
    "options", [["--cpu", "half"], ["--memory", "256 Mi"], ["--version", "v2"], ["--version", "0"]]
)
def test_a_mistake_in_the_call_names_what_is_allowed(options, capsys):
    with pytest.raises(SystemExit) as ended:
        run_quietly("push", ["models/digits", "models", *options])

    assert ended.value.code == 2


def test_a_model_that_is_not_there_ends_before_a_cluster_is_asked():
    from longshore.errors import ModelLoadError

    with pytest.raises(ModelLoadError, match="not a directory of a model"):
        run_quietly("push", ["absent", "models", "--kubeconfig", "/absent"])
