from __future__ import annotations

import pytest

from longshore.errors import ModelConfigError
from longshore.repository.config import document
from longshore.repository.layout import ModelRepository


@pytest.fixture
def parsed(monkeypatch):
    """The texts that were parsed."""
    texts = []

    def load(text):
        texts.append(text)
        return load_strict_yaml(text)

    load_strict_yaml = document.load_strict_yaml
    monkeypatch.setattr(document, "load_strict_yaml", load)
    return texts


def test_a_config_that_did_not_change_is_parsed_once_for_many_looks(model, write, clock, parsed):
    write(model / "config.yaml", b"max_batch_size: 4")
    repository = ModelRepository(model, clock=clock)

    assert {repository.config().max_batch_size for _ in range(3)} == {4}
    assert len(parsed) == 1

    write(model / "config.yaml", b"max_batch_size: 16")
    assert repository.config().max_batch_size == 16


def test_a_mistake_is_told_at_each_look_and_parsed_once(model, write, clock, parsed):
    write(model / "config.yaml", b"max_batch: 4")
    repository = ModelRepository(model, clock=clock)

    for _ in range(3):
        with pytest.raises(ModelConfigError, match="max_batch"):
            repository.config()
    assert len(parsed) == 1


def test_a_config_that_was_written_a_moment_ago_is_read_again(model, write, clock, parsed):
    """It may be written again within the resolution of the file system's clock."""
    write(model / "config.yaml", b"max_batch_size: 4", at=clock.now - 1)
    repository = ModelRepository(model, clock=clock)
    for _ in range(3):
        repository.config()

    assert len(parsed) == 3


def test_a_config_that_appears_or_goes_counts_at_the_next_look(model, write, clock):
    repository = ModelRepository(model, clock=clock)
    assert repository.config().max_batch_size is None

    write(model / "config.yaml", b"max_batch_size: 4")
    assert repository.config().max_batch_size == 4

    (model / "config.yaml").unlink()
    assert repository.config().max_batch_size is None
