from __future__ import annotations

import pytest

from longshore.autoscaling.time_integral import TimeIntegral
from tests.clock import FakeClock


def test_concurrency_is_the_rate_of_the_integral(clock):
    integral = TimeIntegral(clock)
    integral.change(1)
    clock.advance(2.0)
    integral.change(2)
    clock.advance(1.0)
    integral.change(-3)
    clock.advance(10.0)

    assert integral.read() == pytest.approx(2.0 + 3.0)
    assert integral.level == 0


def test_the_integral_grows_between_changes(clock):
    integral = TimeIntegral(clock)
    integral.change(4)
    clock.advance(0.5)

    assert integral.read() == pytest.approx(2.0)


class InterruptedClock(FakeClock):
    """Whoever looks at it is interrupted by another thread, once, before or after the look."""

    def __init__(self) -> None:
        super().__init__()
        self.before = self.after = lambda: None

    def __call__(self) -> float:
        before, self.before = self.before, lambda: None
        after, self.after = self.after, lambda: None
        before()
        now = self.now
        after()
        return now


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_is_read_never_falls_when_the_level_does_meanwhile(moment):
    clock = InterruptedClock()
    integral = TimeIntegral(clock)
    integral.change(10)

    def depart() -> None:
        integral.change(-10)
        clock.advance(1.0)

    setattr(clock, moment, depart)
    first = integral.read()
    assert integral.read() >= first

    integral.change(10)
    clock.advance(5.0)
    assert integral.read() == pytest.approx(50.0), "it goes on as if nothing had happened"


def test_what_is_read_never_falls_when_it_is_read_while_the_level_does():
    clock = InterruptedClock()
    integral = TimeIntegral(clock)
    integral.change(10)
    seen: list[float] = []

    def read() -> None:
        clock.advance(1.0)
        seen.append(integral.read())

    clock.after = read
    integral.change(-10)
    seen.append(integral.read())

    assert seen == sorted(seen)
