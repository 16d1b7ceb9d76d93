from __future__ import annotations

import numpy as np
import pytest

from longshore.loading.proof.agreement import agrees, first_difference, tolerances


def close(found, wanted) -> bool:
    """Whether rows (on axis 0) agree."""
    return agrees(found, wanted, tolerances(wanted))


def rows(*values, dtype=np.float32):
    return np.array(values, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rounding_is_forgiven_in_proportion_to_the_column(dtype):
    wanted = rows([1000.5, 0.0015], [900.5, 0.0012], [0.5, 0.0017], dtype=dtype)
    unit = np.finfo(dtype).eps

    assert close((wanted * (1 + 2 * unit)).astype(dtype), wanted)
    assert not close((wanted * 1.03).astype(dtype), wanted)


def test_an_element_that_cancels_out_is_judged_by_its_column():
    wanted = rows([1.25], [-0.75], [1e-7], [0.5], [2.0])

    assert close(wanted + np.float32(1e-6), wanted)


def test_saturated_probabilities_and_what_a_relu_cuts_off_may_differ_by_rounding():
    wanted = rows([1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 3.5])
    found = rows([0.99999994, 1e-12, 1e-6], [1.0, 0.0, 0.0], [1.0, 0.0, 3.5])

    assert close(found, wanted)


def test_the_next_whole_number_is_another_answer():
    wanted = rows([1e6], [1e6 + 5])

    assert not close(wanted + 1, wanted)


def test_whole_numbers_that_are_so_only_for_want_of_digits_may_differ_by_rounding():
    wanted = rows([1.7e9], [1.6e9])

    assert close(wanted + 128, wanted)


def test_nan_agrees_with_nan_and_infinity_with_itself_alone():
    wanted = rows([np.nan, 1.0, np.inf], [np.nan, 2.0, -np.inf])

    assert close(wanted, wanted)
    assert not close(np.nan_to_num(wanted, nan=0.0, posinf=np.inf, neginf=-np.inf), wanted)
    assert not close(-wanted, wanted)


def test_integers_and_texts_agree_only_when_equal():
    assert not close(np.array([1, 2]), np.array([1, 3]))
    assert close(np.array([b"a"], dtype=object), np.array([b"a"], dtype=object))
    assert not close(np.array([b"a"], dtype=object), np.array([b"b"], dtype=object))


def test_empty_outputs_agree():
    assert close(np.zeros((3, 0), np.float32), np.zeros((3, 0), np.float32))


def test_the_first_element_that_differs_is_said():
    wanted = rows([1.5, 2.5], [1.5, 2.5])

    assert first_difference(rows([1.5, 9.5], [0, 0]), wanted, tolerances(wanted)) == (
        "2.5 alone, 9.5 together"
    )
