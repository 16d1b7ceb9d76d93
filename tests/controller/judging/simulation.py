"""Canaries that fail at known rates, judged as the controller judges them.

`python -m tests.controller.judging.simulation` prints the whole table (some minutes); the tests run
less of it. A look is taken every 100 requests, of which the canary gets `share`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from longshore_k8s.controller.judging import evidence, rollout
from longshore_k8s.controller.judging.look import Counts, Look, PodLook
from longshore_k8s.controller.judging.tally import Tally
from longshore_k8s.controller.judging.verdict import Action, Objective, StepFacts

SHARE, STABLE_BAD = 0.1, 0.0005
REQUESTS_PER_LOOK = 100
CANARY_BAD = (1.0, 0.1, 0.02, 0.005)
NAIVE_CHECKS, NAIVE_GOOD = 5, 0.99
LIVES = 1000


def counts(requests: int, errors: int) -> Counts:
    return Counts(requests=requests, errors=errors)


def look(stable: Counts, canary: Counts) -> Look:
    """One pod of each version."""
    return Look(
        (PodLook("stable", 0, is_ready=True, counts=stable),),
        (PodLook("canary", 0, is_ready=True, counts=canary),),
    )


def tallies(
    rng: np.random.Generator,
    canary_bad: float,
    stable_bad: float = STABLE_BAD,
    *,
    requests: int,
    share: float = SHARE,
) -> Iterator[Tally]:
    """After each look, until so many requests were sent to both versions together."""
    stable, canary = Counts(), Counts()
    tally = Tally.begun(look(stable, canary))
    for _ in range(requests // REQUESTS_PER_LOOK):
        n = int(rng.binomial(REQUESTS_PER_LOOK, share))
        m = REQUESTS_PER_LOOK - n
        canary = canary.plus(counts(n, int(rng.binomial(n, canary_bad))))
        stable = stable.plus(counts(m, int(rng.binomial(m, stable_bad))))
        tally = tally.counted(look(stable, canary))
        yield tally


def rolled_back_after(
    rng: np.random.Generator,
    canary_bad: float,
    stable_bad: float = STABLE_BAD,
    *,
    requests: int,
    share: float = SHARE,
) -> int | None:
    """The canary's requests until it is rolled back; `None` where it is not."""
    for tally in tallies(rng, canary_bad, stable_bad, requests=requests, share=share):
        if tally.bad_evidence >= evidence.ROLL_BACK:
            return tally.total.canary.requests
    return None


def lived(
    rng: np.random.Generator, canary_bad: float, stable_bad: float = STABLE_BAD
) -> tuple[str, int]:
    """How a rollout in steps of 10 and 30 % ends, and the canary's requests by then: `Promoted`,
    the reason of a rollback, or the last one of a hold after 100,000 requests to both."""
    stable, canary = Counts(), Counts()
    kept = rollout.begin(look(stable, canary))
    found = None
    for share in (0.1, 0.3):
        for looks in range(1, 1_000):
            n = int(rng.binomial(REQUESTS_PER_LOOK, share))
            m = REQUESTS_PER_LOOK - n
            canary = canary.plus(counts(n, int(rng.binomial(n, canary_bad))))
            stable = stable.plus(counts(m, int(rng.binomial(m, stable_bad))))
            facts = StepFacts(looks * rollout.LOOK_SECONDS, share)
            found, kept = rollout.judge(kept, look(stable, canary), Objective(), facts)
            if found.action is not Action.HOLD:
                break
        if found is None or found.action is not Action.ADVANCE:
            break
        kept = rollout.next_step(kept)
    assert found is not None
    promoted = found.action is Action.ADVANCE
    return "Promoted" if promoted else found.reason, canary.requests


def naively_rolled_back(rng: np.random.Generator, canary_bad: float, *, minutes: int) -> bool:
    """By "99 % of a minute's requests, five failed checks", at a request in 50 s."""
    requests = rng.poisson(0.02 * 60, minutes)
    bad = rng.binomial(requests, canary_bad)
    is_failed = (requests > 0) & (requests - bad < NAIVE_GOOD * requests)
    return int(is_failed.sum()) >= NAIVE_CHECKS


def main() -> None:
    rng = np.random.default_rng(1)
    for bad in CANARY_BAD:
        found = [rolled_back_after(rng, bad, requests=1_000_000) for _ in range(1000)]
        p50, p95 = np.quantile([one for one in found if one], (0.5, 0.95))
        print(f"canary {bad:.1%} bad: {p50:.0f} / {p95:.0f}, kept {found.count(None)} of 1000")
    for bad in CANARY_BAD[:3]:
        found = [
            rolled_back_after(rng, bad, 0.0, requests=20_000, share=1 / 3) for _ in range(5000)
        ]
        late = np.quantile([one for one in found if one], (0.5, 0.95, 0.999))
        print(f"canary {bad:.1%} bad, stable never, a share of a third: {late}")
    for bad in (STABLE_BAD, 0.005, 0.05):
        found = [rolled_back_after(rng, bad, bad, requests=100_000) for _ in range(1000)]
        print(f"both {bad:.2%} bad: {1000 - found.count(None)} of 1000 rolled back")
    for bad, stable_bad in (*((bad, STABLE_BAD) for bad in (*CANARY_BAD, STABLE_BAD)),
                            (0.005, 0.005), (0.009, 0.009), (0.05, 0.05)):  # fmt: skip
        ends = [lived(rng, bad, stable_bad) for _ in range(LIVES)]
        reasons = dict(Counter(reason for reason, _ in ends).most_common())
        requests = np.quantile([requests for _, requests in ends], (0.5, 0.95))
        print(f"canary {bad:.2%}, stable {stable_bad:.2%} bad: {reasons}, requests {requests}")
    lost = sum(naively_rolled_back(rng, 0.005, minutes=7 * 24 * 60) for _ in range(1000))
    print(f"both 0.5 % bad, by failed checks of a minute, in a week: {lost} of 1000 rolled back")


if __name__ == "__main__":
    main()
