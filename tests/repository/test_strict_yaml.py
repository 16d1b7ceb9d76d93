from __future__ import annotations

import pytest

from longshore.repository.strict_yaml import MAX_NODES, StrictYamlError, load_strict_yaml


@pytest.mark.parametrize(
    ("piece", "opening", "closing"),
    [("1, ", "[", "1]"), ("- 1\n", "", ""), ("{a: 1}, ", "[", "1]"), ("? \n", "", "")],
    ids=["flow list", "list", "maps", "keys without end"],
)
def test_more_values_than_a_model_has_are_refused_where_they_pass_the_bound(
    piece, opening, closing
):
    text = opening + piece * (MAX_NODES + 10) + closing

    with pytest.raises(StrictYamlError, match=f"more than {MAX_NODES} values"):
        load_strict_yaml(text.encode())


def test_a_config_of_five_thousand_inputs_is_taken():
    entry = "- {name: c%d, data_type: TYPE_FP32, dims: [1]}\n"

    assert len(load_strict_yaml("".join(entry % i for i in range(5000)).encode())) == 5000


@pytest.mark.parametrize(
    "number", ["1" + ":59" * 200, "9" * 200, "0b" + "1" * 200, "1." + "1" * 200]
)
def test_a_number_of_many_characters_is_refused_before_it_is_computed(number):
    with pytest.raises(StrictYamlError, match=f"line 1: a number of {len(number)} characters"):
        load_strict_yaml(f"a: {number}".encode())


def test_directives_without_end_are_refused():
    with pytest.raises(StrictYamlError, match="line 3: more than 2 directives"):
        load_strict_yaml(b"%A\n" * 100)


def test_a_version_of_yaml_may_be_stated():
    assert load_strict_yaml(b"%YAML 1.1\n---\na: 1\n") == {"a": 1}
