from __future__ import annotations

import pytest

from longshore.errors import ModelConfigError, ModelLoadError
from longshore.lifecycle.warmup import warm_up
from longshore.repository.model_config import (
    DynamicBatching,
    InstanceGroup,
    ModelConfig,
    ModelInput,
    Padding,
)
from longshore.tensors import Datatype

FIXED = "input: [{name: INPUT0, data_type: TYPE_FP32, dims: [1, 2]}]"
SLOW = "delay_seconds: 0.002"


def test_a_cheap_model_is_batched_and_runs_inline(load_identity):
    plan = load_identity().plan

    assert plan.is_batched
    assert plan.is_inline
    assert plan.instances == 1


def test_a_model_with_a_price_gets_threads_and_large_batches(load_identity):
    plan = load_identity(SLOW).plan

    assert not plan.is_inline
    assert plan.max_batch_size > 16, "a fixed price per execution is shared by many rows"
    assert plan.cost.seconds(1) == pytest.approx(0.002, rel=0.5)


@pytest.mark.parametrize("content", ["", "delay_seconds: 0.002"], ids=["inline", "on threads"])
def test_the_split_that_is_said_to_be_chosen_is_the_one_that_runs(load_identity, content):
    plan = load_identity(content, cpus=4).plan

    assert f"chose {plan.instances}x{plan.threads}" in plan.notes


def test_a_model_whose_first_axis_is_fixed_is_served_unbatched_and_says_why(load_identity):
    plan = load_identity(FIXED).plan

    assert not plan.is_batched
    assert plan.max_batch_size == 1
    assert "not batched: input 'INPUT0' has shape [1, 2], whose axis 0 is fixed" in plan.notes


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (ModelConfig(max_batch_size=0), {}),
        (ModelConfig(batching="forbidden"), {}),
        (ModelConfig(), {"max_batch_size": 0}),
    ],
)
def test_batching_can_be_forbidden(load_identity, config, options):
    plan = load_identity(config=config, **options).plan

    assert not plan.is_batched
    assert "not batched: the configuration forbids it" in plan.notes


def test_the_owner_can_vouch_for_a_model(load_identity):
    plan = load_identity(FIXED, ModelConfig(batching="vouched")).plan

    assert plan.is_batched


def test_pinned_settings_are_obeyed(load_identity):
    loaded = load_identity(SLOW, instances=3, threads=2, max_batch_size=5)

    assert (loaded.plan.instances, loaded.plan.threads) == (3, 2)
    assert loaded.plan.max_batch_size == 5
    assert len(loaded.backends) == 3


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (ModelConfig(dynamic_batching=DynamicBatching(max_queue_delay_seconds=0.01)), {}),
        (None, {"waits_for_batches": True}),
    ],
)
def test_a_model_that_shall_wait_for_batches_does_not_run_on_the_event_loop(
    load_identity, config, options, tmp_path
):
    cache = tmp_path / "cache"
    assert load_identity(calibration_cache=cache).plan.is_inline

    assert not load_identity(config=config, calibration_cache=cache, **options).plan.is_inline


def test_the_config_pins_what_the_settings_leave_open(load_identity):
    config = ModelConfig(max_batch_size=7, instance_group=InstanceGroup(count=2))

    plan = load_identity(SLOW, config).plan

    assert (plan.instances, plan.max_batch_size) == (2, 7)


def test_a_pinned_batch_is_the_largest_that_is_measured(load_identity):
    plan = load_identity(SLOW, max_batch_size=4).plan

    assert plan.max_batch_size == 4
    assert [rows for rows, _ in plan.cost.points] == [1, 2, 4]


def test_a_model_that_no_sample_fits_is_served_unwarmed_and_unbatched(load_identity):
    loaded = load_identity(
        "input: [{name: INPUT0, data_type: TYPE_INT64, dims: [-1, 4]}]\nwork_when: 12345\n"
    )

    assert not loaded.plan.is_batched
    assert loaded.plan.notes[0].startswith("no sample input works: ")
    assert loaded.run_problem == loaded.plan.notes[0]
    assert not loaded.has_run
    assert warm_up(loaded) == 0.0


@pytest.mark.parametrize("startup", ["proven", "vouched"])
def test_a_model_that_runs_has_been_seen_to_whatever_its_owner_says(load_identity, startup):
    loaded = load_identity(config=ModelConfig(startup=startup))

    assert loaded.has_run
    assert loaded.is_vouched == (startup == "vouched")


def test_declared_padding_that_changes_nothing_is_used(load_identity):
    padding = {0: Padding(buckets=(8, 16))}
    config = ModelConfig(input=(ModelInput("INPUT0", Datatype.FP32, (-1,), padding),))

    loaded = load_identity(config=config)

    assert loaded.padding is not None
    assert loaded.padding.outputs == {("OUTPUT0", 1): ("INPUT0", 1)}


def test_a_mask_that_the_model_does_not_have_is_a_mistake_in_the_config(load_identity):
    padding = {0: Padding(mask="attention_mask")}
    config = ModelConfig(input=(ModelInput("INPUT0", Datatype.FP32, (-1,), padding),))

    with pytest.raises(ModelConfigError, match=r"padding\.0\.mask: found 'attention_mask'"):
        load_identity(config=config)


def test_a_mask_that_no_client_sends_is_filled_while_the_model_is_measured_and_warmed(
    load_identity,
):
    tensors = "[{name: INPUT0, data_type: TYPE_FP32, dims: [-1, -1]}, " + (
        "{name: mask, data_type: TYPE_INT64, dims: [-1, -1]}]"
    )
    padding = {0: Padding(mask="mask")}
    config = ModelConfig(input=(ModelInput("INPUT0", Datatype.FP32, (-1,), padding),))

    loaded = load_identity(f"input: {tensors}\n{SLOW}", config)

    assert loaded.plan.cost.seconds(1) == pytest.approx(0.002, rel=0.5)
    assert warm_up(loaded) > 0.0
    why = loaded.signature.why_left_out("input", "mask")
    assert why == "input 'mask' is not served: it is a mask, which the server fills"


@pytest.mark.parametrize(("cpus", "times"), [(4.0, 4.0), (0.5, 9.0)])
def test_warm_up_beside_work_leaves_others_most_of_the_cpu_or_of_the_quota(
    load_identity, cpus, times
):
    loaded, slept = load_identity("delay_seconds: 0.02"), []

    seconds = warm_up(loaded, is_beside_work=True, cpus=cpus, sleep=slept.append)

    assert sum(slept) == pytest.approx(times * seconds, rel=0.2)


def test_a_gpu_that_is_not_there_is_a_load_failure(load_identity):
    with pytest.raises(ModelLoadError, match="cuda"):
        load_identity(device="cuda")


def test_a_second_start_takes_the_measurement_from_the_cache(load_identity, tmp_path):
    cache = tmp_path / "cache"
    first = load_identity(SLOW, calibration_cache=cache).plan
    second = load_identity(SLOW, calibration_cache=cache).plan
    other = load_identity("delay_seconds: 0.003", calibration_cache=cache).plan

    assert (first.source, second.source, other.source) == ("measured", "cached", "measured")
    assert second.cost == first.cost


def test_a_cache_that_cannot_be_read_or_written_costs_nothing_else(load_identity, tmp_path):
    cache = tmp_path / "file"
    cache.write_text("not a directory")

    assert load_identity(SLOW, calibration_cache=cache).plan.source == "measured"


def test_a_pinned_split_that_is_worse_than_another_is_obeyed_and_said_to_be(load_identity):
    plan = load_identity(SLOW, cpus=2, instances=1).plan

    assert plan.instances == 1
    (note,) = [note for note in plan.notes if "pinned" in note]
    assert note.startswith("instances x threads are pinned to 1x2, ")
    assert note.endswith(" slower than 2x1")
