"""Any file in place of a record is the record that it says, or is refused by a ValueError."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.backends.base import CudaOptions
from longshore.batching.cost import CostLine
from longshore.loading.plan import ExecutionPlan, WidePlan
from longshore.loading.records.calibration_record import CalibrationRecord

RECORD = CalibrationRecord(
    plan=ExecutionPlan(
        is_batched=True,
        max_batch_size=8,
        instances=2,
        threads=1,
        is_inline=False,
        cost=CostLine(((1, 0.5), (8, 1.0))),
        wide=WidePlan(2, CostLine(((1, 0.3),))),
        notes=("measured",),
        source="cached",
    ),
    dimension=16,
    integer_bound=100,
    padded_outputs=(("y", 1, "x", 1),),
    device_name="",
    cuda=CudaOptions(memory_limit_bytes=1024),
)
EDGES = (
    *(None, True, 0, -1, 1.0, 16.0, 100.0, 10**400, float("nan"), float("inf")),
    *("", "1", "auto", [], {}),
)  # fmt: skip
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3)
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything inside `value`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, member in inside:
        found.append((*path, key))
        if isinstance(member, dict | list):
            found += places(member, (*path, key))
    return found


CONTENT = json.loads(RECORD.to_json())


def read_or_refuse(content: Any) -> None:
    """What is accepted is written back as it was, the types of its numbers included."""
    text = json.dumps(content)
    try:
        record = CalibrationRecord.from_json(text)
    except ValueError:
        return
    assert type(record.dimension) is type(record.integer_bound) is int
    written = json.loads(record.to_json())
    given_plan = {**content["plan"], "source": "cached"}
    given_plan["cost"] = with_float_seconds(given_plan["cost"])
    if given_plan["wide"] is not None:
        wide = given_plan["wide"]
        given_plan["wide"] = {**wide, "cost": with_float_seconds(wide["cost"])}
    assert repr(sorted_keys(written)) == repr(sorted_keys({**content, "plan": given_plan}))


def with_float_seconds(cost: dict[str, Any]) -> dict[str, Any]:
    """JSON has one kind of number."""
    return {"points": [[rows, float(seconds)] for rows, seconds in cost["points"]]}


def sorted_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return value


def test_a_record_is_read_as_it_was_written():
    assert CalibrationRecord.from_json(RECORD.to_json()) == RECORD


@given(VALUES)
def test_any_document_is_read_as_it_is_or_refused(content):
    read_or_refuse(content)


def changed(path: tuple[Any, ...], value: Any) -> Any:
    content = copy.deepcopy(CONTENT)
    holder = content
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return content


@given(st.sampled_from(places(CONTENT)), VALUES)
def test_any_one_changed_value_is_read_as_it_is_or_refused(path, value):
    read_or_refuse(changed(path, value))


@pytest.mark.parametrize("path", places(CONTENT), ids=str)
def test_every_value_changed_to_an_edge_of_its_kind_is_read_as_it_is_or_refused(path):
    for value in EDGES:
        read_or_refuse(changed(path, value))


@pytest.mark.parametrize("path", [path for path in places(CONTENT) if isinstance(path[-1], str)])
def test_a_key_that_is_missing_or_unknown_is_refused(path):
    for change in (lambda holder: holder.pop(path[-1]), lambda holder: holder.update(other=1)):
        content = copy.deepcopy(CONTENT)
        holder = content
        for key in path[:-1]:
            holder = holder[key]
        change(holder)

        with pytest.raises(ValueError, match="not an object with the keys"):
            CalibrationRecord.from_json(json.dumps(content))
