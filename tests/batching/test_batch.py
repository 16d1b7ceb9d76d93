from __future__ import annotations

import asyncio

import numpy as np
import pytest

from longshore.batching.batch import Batch, BatchPart
from longshore.batching.padding import PaddingPlan
from longshore.batching.pending_request import PendingRequest
from longshore.errors import InferenceFailed, RequestTimeout
from longshore.repository.model_config import Padding
from longshore.tensors import Datatype, TensorSpec


@pytest.fixture
def make_request():
    loop = asyncio.new_event_loop()

    def make(array, output_names=("y",)) -> PendingRequest:
        return PendingRequest(
            {"x": np.asarray(array, dtype=np.float32)},
            len(array),
            (),
            output_names,
            arrived=0.0,
            admitted=0.0,
            deadline=2.0,
            future=loop.create_future(),
            on_release=lambda request: None,
        )

    yield make
    loop.close()


def whole(*requests: PendingRequest, padding: PaddingPlan | None = None) -> Batch:
    return Batch([BatchPart(request, 0, request.rows) for request in requests], padding)


def test_a_lone_request_is_passed_on_without_a_copy(make_request):
    request = make_request([[1], [2]])

    assert whole(request).concatenate()["x"] is request.inputs["x"]


def test_each_request_gets_its_own_rows_back(make_request):
    batch = whole(make_request([[1]]), make_request([[2], [3]]))
    inputs = batch.concatenate()

    answers = batch.split({"y": inputs["x"] * 10})

    assert [answer["y"].tolist() for answer in answers] == [[[10]], [[20], [30]]]


def test_a_batch_computes_every_output_that_somebody_wants(make_request):
    batch = whole(make_request([[1]], ("a",)), make_request([[2]], ("b", "a")))

    assert batch.output_names() == ("a", "b")
    answers = batch.split({"a": np.zeros((2, 1)), "b": np.ones((2, 1))})
    assert [sorted(answer) for answer in answers] == [["a"], ["a", "b"]]


def test_an_output_without_one_row_per_row_is_an_error_and_not_a_wrong_answer(make_request):
    batch = whole(make_request([[1]]), make_request([[2]]))

    with pytest.raises(InferenceFailed, match=r"'y' has shape \[1\] for a batch of 2 rows"):
        batch.split({"y": np.zeros(1)})


def test_a_split_request_is_joined_in_order_whatever_comes_first(make_request):
    request = make_request([[0], [1], [2], [3], [4]])

    assert request.add_part(3, 2, {"y": np.array([3, 4])}) is None
    joined = request.add_part(0, 3, {"y": np.array([0, 1, 2])})

    assert joined["y"].tolist() == [0, 1, 2, 3, 4]


def test_an_expired_request_says_what_it_was_doing(make_request):
    queued, running = make_request([[1]]), make_request([[1]])
    running.started = 1.0
    queued.expire()
    running.expire()

    with pytest.raises(RequestTimeout, match="deadline of 2 s passed while the request was queued"):
        queued.future.result()
    with pytest.raises(RequestTimeout, match="running"):
        running.future.result()


def test_an_answer_after_the_deadline_is_ignored(make_request):
    request = make_request([[1]])
    request.expire()
    request.succeed({"y": np.zeros(1)})

    assert isinstance(request.future.exception(), RequestTimeout)


PADDED = PaddingPlan(
    {("x", 1): Padding(value=-1.0, buckets=(4, 8))},
    masks={("x", 1): TensorSpec("mask", Datatype.INT64, (-1, -1))},
    outputs={("y", 1): ("x", 1)},
)


def test_shorter_rows_are_filled_up_to_the_bucket_and_cut_back(make_request):
    batch = whole(make_request([[1, 2]]), make_request([[3, 4, 5], [6, 7, 8]]), padding=PADDED)
    inputs = batch.concatenate()

    assert inputs["x"].tolist() == [[1, 2, -1, -1], [3, 4, 5, -1], [6, 7, 8, -1]]
    assert inputs["mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    answers = batch.split({"y": inputs["x"]})
    assert [answer["y"].tolist() for answer in answers] == [[[1, 2]], [[3, 4, 5], [6, 7, 8]]]


def test_lengths_of_one_bucket_share_a_group(make_request):
    def group(length: int):
        return PADDED.group({"x": np.zeros((1, length))})

    assert group(2) == group(4) != group(5)
    assert group(9) != group(10), "above the last bucket nothing is padded"


def test_without_buckets_the_longest_of_the_batch_sets_the_length(make_request):
    plan = PaddingPlan({("x", 1): Padding()})
    batch = whole(make_request([[1]]), make_request([[1, 2, 3]]), padding=plan)

    assert batch.concatenate()["x"].tolist() == [[1, 0, 0], [1, 2, 3]]
    assert plan.group({"x": np.zeros((1, 5))}) == plan.group({"x": np.zeros((1, 7))})


def test_a_batch_is_halved_by_rows_and_a_request_across_the_middle_is_cut(make_request):
    first, second = make_request([1, 2, 3]), make_request([4, 5])
    halves = whole(first, second).halves()

    assert [half.concatenate()["x"].tolist() for half in halves] == [[1, 2], [3, 4, 5]]
    assert [[part.request for part in half.parts] for half in halves] == [[first], [first, second]]


def test_requests_that_ask_for_the_same_outputs_get_them_in_their_order(make_request):
    batch = whole(make_request([[1]], ("b", "a")), make_request([[2]], ("b", "a")))

    assert batch.output_names() == ("b", "a")


def test_a_part_counts_the_bytes_of_its_rows_alone(make_request):
    request = make_request([[1, 2], [3, 4], [5, 6]])

    assert Batch([BatchPart(request, 1, 3)]).input_bytes() == 2 * 2 * 4


def test_a_lone_part_of_a_request_gets_the_rows_and_outputs_it_asked_for(make_request):
    batch = Batch([BatchPart(make_request([[1], [2], [3]]), 1, 3)])

    (answer,) = batch.split({"y": np.array([[20], [30]]), "unasked": np.zeros((2, 1))})

    assert {name: array.tolist() for name, array in answer.items()} == {"y": [[20], [30]]}


def test_a_lone_part_of_a_request_is_checked_for_its_rows(make_request):
    batch = Batch([BatchPart(make_request([[1], [2], [3]]), 1, 3)])

    with pytest.raises(InferenceFailed, match="for a batch of 2 rows"):
        batch.split({"y": np.zeros((1, 1))})


def test_an_output_without_axes_is_an_error_in_a_shared_batch(make_request):
    batch = whole(make_request([[1]]), make_request([[2]]))

    with pytest.raises(InferenceFailed, match=r"'y' has shape \[\]"):
        batch.split({"y": np.array(1.0)})


def test_a_lone_whole_request_gets_what_the_model_gave(make_request):
    outputs = {"y": np.array(1.0)}

    assert whole(make_request([[1], [2]])).split(outputs)[0] is outputs


def test_a_lone_request_is_asked_for_its_own_outputs(make_request):
    assert whole(make_request([[1]], ("b", "a"))).output_names() == ("b", "a")


def test_a_batch_that_is_halved_between_two_requests_has_no_empty_parts(make_request):
    halves = whole(make_request([[1]]), make_request([[2]])).halves()

    assert [[(part.start, part.stop) for part in half.parts] for half in halves] == [[(0, 1)]] * 2


def test_what_was_not_computed_took_no_time(make_request):
    request = make_request([[1]])
    assert request.queue_seconds == 0.0
    assert (request.input_seconds, request.infer_seconds, request.output_seconds) == (0.0,) * 3

    request.started = 1.5
    assert request.queue_seconds == 1.5


def test_a_request_is_unwanted_from_its_deadline_on(make_request):
    request = make_request([[1]])

    assert request.is_wanted(1.9)
    assert not request.is_wanted(2.0)


def test_the_parts_of_a_request_come_together_once_all_are_there(make_request):
    request = make_request([[0], [1], [2]])

    assert request.add_part(0, 1, {"y": np.array([0])}) is None
    assert request.add_part(2, 1, {"y": np.array([2])}) is None
    assert request.add_part(1, 1, {"y": np.array([1])})["y"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("second", [np.zeros((2, 4)), np.zeros((2, 2, 3))])
def test_parts_whose_outputs_differ_in_more_than_their_rows_are_an_error(make_request, second):
    request = make_request([[0], [1], [2]])
    request.add_part(0, 1, {"y": np.zeros((1, 3))})

    with pytest.raises(InferenceFailed, match=r"have the shapes \[1, 3\], "):
        request.add_part(1, 2, {"y": second})


def test_parts_of_unequal_rows_are_joined(make_request):
    request = make_request([[0], [1], [2]])
    request.add_part(0, 1, {"y": np.zeros((1, 3))})

    assert request.add_part(1, 2, {"y": np.ones((2, 3))})["y"].shape == (3, 3)


def test_axes_that_are_not_padded_keep_their_size(make_request):
    plan = PaddingPlan({("x", 2): Padding(value=-1.0, buckets=(4,))})
    batch = whole(make_request([[[1, 2]] * 3]), make_request([[[3, 4, 5]] * 3]), padding=plan)

    inputs = batch.concatenate()["x"]

    assert inputs.tolist() == [[[1, 2, -1, -1]] * 3, [[3, 4, 5, -1]] * 3]
    assert inputs.dtype == np.float32


def test_rows_of_a_buckets_length_are_passed_on_without_a_copy(make_request):
    request = make_request([[1, 2, 3, 4]])

    assert whole(request, padding=PADDED).concatenate()["x"] is request.inputs["x"]


def test_requests_of_a_buckets_length_are_joined(make_request):
    batch = whole(make_request([[1, 2, 3, 4]]), make_request([[5, 6, 7, 8]]), padding=PADDED)

    assert batch.concatenate()["x"].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_an_axis_behind_another_is_cut_back_too(make_request):
    plan = PaddingPlan({("x", 2): Padding(buckets=(4,))}, outputs={("y", 2): ("x", 2)})
    batch = whole(make_request([[[1, 2], [3, 4]]]), padding=plan)

    (answer,) = batch.split({"y": batch.concatenate()["x"]})

    assert answer["y"].tolist() == [[[1, 2], [3, 4]]]
