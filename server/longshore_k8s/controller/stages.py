"""How a candidate goes from stage to stage: a pure function of what was observed.

A stage is entered in the status, and only then is what it asks for made (`plan`). It is left when
all of that is there and has shown what it has to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from longshore_k8s.api import Json
from longshore_k8s.controller import kinds, traffic
from longshore_k8s.controller.aim import Aim, digest_of
from longshore_k8s.controller.decision import Observed
from longshore_k8s.controller.judging import rollout as judging
from longshore_k8s.controller.judging import shares
from longshore_k8s.controller.judging.look import Look
from longshore_k8s.controller.judging.verdict import Action, StepFacts, StepVerdict
from longshore_k8s.controller.life import CAPACITY, MADE_BY, Life
from longshore_k8s.controller.live import Pods
from longshore_k8s.controller.plan import Stage, canary_name, deployment_of, is_taken
from longshore_k8s.controller.validation import PASSED, REJECTED, validated
from longshore_k8s.controller.verify_job import job_name
from longshore_k8s.controller.wanted import Refusal

_REJECTED = ("hash", "asks", "pods", "version", "reason", "message")
_CRASHES = 3
"""Restarts of a candidate's pods: a lone one may be the node's fault."""
_OF_A_BEGUN_STAGE = ("isBegun", "isRouted", "deadline")
_UNDECIDED = (Stage.VERIFY, Stage.CANDIDATE, Stage.VALIDATE, Stage.STEP, Stage.PROMOTE)


def progressed(observed: Observed, *, is_applied: bool) -> Life:
    """The life after `observed`; `is_applied`: all that its stage asks for is there."""
    resource, life = observed.resource, Life.of(observed.resource)
    if not resource.is_guarded:
        stable = _recorded(observed, resource.aim, life) if is_applied else life.stable
        return Life(stable=stable, history=life.history)
    if resource.is_paused:
        return _paused(observed, life)
    life = _of_another_spec(observed, life)
    if life.stage is Stage.STEADY:
        if is_applied and resource.stable is not None and life.aim == resource.stable:
            life = replace(life, stable=_recorded(observed, resource.stable, life))
        return _steady(observed, life, is_applied=is_applied)
    if life.rollout["hash"] != resource.aim_hash and life.stage in _UNDECIDED:
        return _aborted(observed, life, "SpecChanged", "The spec asks for something else.")
    if isinstance(observed.wanted, Refusal) and life.stage in _UNDECIDED:
        return _aborted(observed, life, observed.wanted.reason, observed.wanted.sentence)
    if crashes := _crashes(observed):
        return _aborted(observed, life, "CrashLoop", crashes)
    return _STAGES[life.stage](observed, _begun(observed, life) if is_applied else life, is_applied)


def _paused(observed: Observed, life: Life) -> Life:
    """Where it was. The candidate keeps its traffic, so what it does is judged on and shown, and
    nothing follows from that. Afterwards the stage begins again: the time of a pause is not held
    against the candidate."""
    kept = {key: value for key, value in life.rollout.items() if key not in _OF_A_BEGUN_STAGE}
    life = replace(life, rollout=kept)
    if observed.findings.look is not None and life.stage is Stage.STEP:
        facts = StepFacts(0.0, share_of(observed, life))
        _, life = _judged(observed, life, observed.findings.look, facts)
    return life


def _of_another_spec(observed: Observed, life: Life) -> Life:
    """`life` where the spec changed and asks for the same pods: of what serves, whose values become
    the new ones at once, or of the candidate, which stays the same one."""
    resource, found = observed.resource, observed.findings
    if found.kept and found.kept == life.stable.get("pods"):
        life = replace(life, stable={**life.stable, "values": resource.aim.values})
    same = {"pods": found.aimed, "asks": resource.asks_hash}
    if same.items() <= life.rollout.items():
        life = replace(life, rollout={**life.rollout, "hash": resource.aim_hash})
    if same.items() <= life.rejected.items():
        life = replace(life, rejected={**life.rejected, "hash": resource.aim_hash})
    return life


def _recorded(observed: Observed, serving: Aim, life: Life) -> Json:
    """What serves, with a digest of its pods: the same values make others by another chart."""
    known = life.stable if life.aim == serving else {}
    kept = {key: known[key] for key in (CAPACITY, MADE_BY, "pods") if key in known}
    pods = rendered_pods(observed)
    if pods and pods != known.get("pods", pods):
        kept[MADE_BY] = observed.made_by
    return {**serving.to_json(), **kept, **({"pods": pods} if pods else {})}


def rendered_pods(observed: Observed) -> str:
    """Of stable, where it was rendered and not only remembered."""
    if isinstance(observed.wanted, Refusal):
        return ""
    canary = canary_name(observed.resource)
    for item in observed.wanted:
        if item.kind is kinds.DEPLOYMENT and item.document and item.name != canary:
            return digest_of(item.document["spec"].get("template"))
    return ""


def _steady(observed: Observed, life: Life, *, is_applied: bool) -> Life:
    resource = observed.resource
    if life.rejected and life.rejected["hash"] != resource.aim_hash:
        life = replace(life, rejected={})
    if life.aim == resource.aim or life.rejected:
        return life
    aimed, recorded = observed.findings.aimed, resource.aim.to_json()
    if resource.stable is None and is_taken(resource, stable_pods(observed)):
        known = {} if isinstance(aimed, Refusal) else {"pods": aimed}
        return replace(life, stable={**recorded, **known}) if is_applied else life
    if isinstance(aimed, Refusal) or not aimed:
        return life
    if life.stable.get("pods") == aimed and life.stable.get("digest") == recorded.get("digest"):
        return replace(life, stable={**recorded, **life.capacity, "pods": aimed})
    begun = {
        "hash": resource.aim_hash,
        "asks": resource.asks_hash,
        "version": resource.aim.version,
        "pods": aimed,
        "step": 0,
        "steps": len(resource.rollout_spec.steps) if resource.stable else 0,
    }
    message = f"Version {resource.aim.version} is looked at by a Job."
    return _entered(observed, life, Stage.VERIFY, message, **begun)


def _verify(observed: Observed, life: Life, is_applied: bool) -> Life:
    job = observed.live.get((kinds.JOB.name, job_name(observed.resource)))
    outcome, message = job.job if job and job.is_of(observed.resource) else ("", "")
    said = observed.findings.said
    if outcome == "Failed":
        return _aborted(observed, life, "VerifyFailed", said or message)
    if outcome == "Complete":
        text = "Digests and inspection are right; a pod without traffic is started."
        return _entered(observed, life, Stage.CANDIDATE, text)
    return life.held("Verifying", said or "The Job has not ended.")


def _candidate(observed: Observed, life: Life, is_applied: bool) -> Life:
    """It may wait for a place as long as the spec says, however early its Deployment gives up."""
    pods = candidate_pods(observed)
    if is_applied and pods is not None and pods.is_seen and pods.updated and pods.ready:
        return _entered(observed, life, Stage.VALIDATE, "Signature, samples and cost are compared.")
    said = observed.findings.said or (pods.refused if pods else "")
    return _or_too_late(observed, life, "PodNotReady", said or "Its pod is not ready yet.")


def _validate(observed: Observed, life: Life, is_applied: bool) -> Life:
    probe, look = observed.findings.probe, observed.findings.look
    if probe is None or look is None:
        return _or_too_late(observed, life, "PodNotReady", "Its pod is not ready.")
    outcome, reason, message = validated(probe, observed.resource.validation_spec)
    if outcome == REJECTED:
        return _aborted(observed, life, reason, message)
    if outcome != PASSED:
        return _or_too_late(observed, life, reason, message)
    has_steps = observed.resource.stable and observed.resource.rollout_spec.steps
    if has_steps and (unready := traffic.unready(observed, _age_seconds(observed, life))):
        return _or_too_late(observed, life, traffic.AWAITING, unready)
    life = life.measured(probe.candidate.capacity, probe.stable.capacity if probe.stable else None)
    if not has_steps:
        return _promoted(observed, life, message)
    message += traffic.said(observed, 1)
    return _entered(observed, life, Stage.STEP, message, step=1, judging=judging.begin(look))


def _step(observed: Observed, life: Life, is_applied: bool) -> Life:
    steps, look = observed.resource.rollout_spec.steps, observed.findings.look
    if look is None:
        return life
    untaken = traffic.untaken(observed)
    age = 0.0 if untaken else _age_seconds(observed, life)
    verdict, judged = _judged(observed, life, look, StepFacts(age, share_of(observed, life)))
    if verdict.action is Action.ROLL_BACK:
        return _aborted(observed, judged, verdict.reason, verdict.message)
    if refusal := traffic.refused(observed):
        return _aborted(observed, judged, "RouteRefused", refusal)
    if untaken:
        return _unrouted(observed, judged, untaken)
    if not steps:
        return _promoted(observed, judged, "The spec has no steps any more.")
    pods = candidate_pods(observed)
    if verdict.action is not Action.ADVANCE or not is_applied or not pods or not pods.is_rolled_out:
        return judged
    if judged.rollout["step"] >= len(steps):
        return _promoted(observed, judged, verdict.message)
    return _next_step(observed, judged, verdict.message)


def _judged(
    observed: Observed, life: Life, look: Look, facts: StepFacts
) -> tuple[StepVerdict, Life]:
    """The verdict of a step after one more look, and the life that says so."""
    rollout, objective = life.rollout, observed.resource.rollout_spec.objective
    verdict, kept = judging.judge(rollout.get("judging") or {}, look, objective, facts)
    message = verdict.message + traffic.said(observed, rollout["step"])
    said = {"verdict": str(verdict.action), "judging": kept, **judging.figures(kept)}
    return verdict, life.held(verdict.reason, message, **said)


def _unrouted(observed: Observed, life: Life, untaken: str) -> Life:
    """Weights that never held by the deadline are taken back; those that held are waited for."""
    if life.rollout.get("isRouted"):
        return life.held(traffic.AWAITING, untaken)
    return _or_too_late(observed, life, traffic.AWAITING, untaken)


def _next_step(observed: Observed, life: Life, message: str) -> Life:
    step = life.rollout["step"] + 1
    more = {
        "step": step,
        "steps": len(observed.resource.rollout_spec.steps),
        "judging": judging.next_step(life.rollout["judging"]),
    }
    return _entered(observed, life, Stage.STEP, message + traffic.said(observed, step), **more)


def _promote(observed: Observed, life: Life, is_applied: bool) -> Life:
    """Stable rolls by its own strategy; it goes back where its Deployment gives that up."""
    pods = stable_pods(observed)
    is_first, said = "previous" not in life.rollout, observed.findings.said
    if pods is not None and pods.is_seen and pods.late and not is_first:
        return _aborted(observed, life, "DeadlineExceeded", f"{pods.late} {said}".rstrip())
    if is_applied and pods is not None and pods.is_rolled_out:
        return _entered(observed, life, Stage.RETIRE, "Every pod that serves has the version.")
    counts = f"{pods.updated if pods else 0} of {pods.wanted if pods else 0}"
    return life.held("RollingOut", f"{counts} pods of stable have the version. {said}".rstrip())


def _retire(observed: Observed, life: Life, is_applied: bool) -> Life:
    is_over = is_applied and not traffic.undrained(observed)
    return life.ended("Promoted", observed.now) if is_over else life


def _abort(observed: Observed, life: Life, is_applied: bool) -> Life:
    if not is_applied or traffic.undrained(observed):
        return life
    rollout = life.rollout
    if rollout["reason"] != "SpecChanged":
        said = {key: rollout[key] for key in _REJECTED}
        life = replace(life, rejected=said)
    return life.ended("Aborted", observed.now)


_STAGES: dict[Stage, Callable[[Observed, Life, bool], Life]] = {
    Stage.VERIFY: _verify,
    Stage.CANDIDATE: _candidate,
    Stage.VALIDATE: _validate,
    Stage.STEP: _step,
    Stage.PROMOTE: _promote,
    Stage.RETIRE: _retire,
    Stage.ABORT: _abort,
}


def _promoted(observed: Observed, life: Life, message: str) -> Life:
    previous = {"previous": life.stable} if life.stable else {}
    entered = _entered(observed, life, Stage.PROMOTE, message, **previous)
    shown = {key: life.rollout[key] for key in ("pods", CAPACITY) if key in life.rollout}
    stable = {**observed.resource.aim.to_json(), **shown}
    return replace(entered, stable=stable)


def _aborted(observed: Observed, life: Life, reason: str, message: str) -> Life:
    """Stable is as it was before the candidate, and nothing but it is there."""
    aborted = _entered(observed, life, Stage.ABORT, message, reason=reason)
    return replace(aborted, stable=life.rollout.get("previous") or life.stable)


def _or_too_late(observed: Observed, life: Life, reason: str, message: str) -> Life:
    deadline = observed.resource.rollout_spec.objective.deadline_seconds
    if _age_seconds(observed, life) >= deadline:
        return _aborted(observed, life, "DeadlineExceeded", f"After {deadline:g} s: {message}")
    return life.held(reason, message)


def _entered(observed: Observed, life: Life, stage: Stage, message: str, **more: object) -> Life:
    return life.entered(stage, observed.now, message, **more)


def _begun(observed: Observed, life: Life) -> Life:
    """A stage lasts from when all that it asks for is there: a controller that was away in between
    must not hold that time against the candidate. A step begins anew once its weights hold."""
    marks = {"isBegun": True}
    if life.stage is Stage.STEP and not traffic.untaken(observed):
        marks["isRouted"] = True
    if marks.items() <= life.rollout.items():
        return life
    begun = {**life.rollout, **marks, "since": observed.now}
    if life.stage in (Stage.CANDIDATE, Stage.VALIDATE, Stage.STEP):
        seconds = observed.resource.rollout_spec.objective.deadline_seconds
        until = datetime.fromisoformat(observed.now) + timedelta(seconds=seconds)
        begun["deadline"] = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    return replace(life, rollout=begun)


def _age_seconds(observed: Observed, life: Life) -> float:
    """Of the stage; 0 before it has begun."""
    return _seconds(life.rollout["since"], observed.now) if life.rollout.get("isBegun") else 0.0


def _crashes(observed: Observed) -> str:
    look = observed.findings.look
    worst = max((look.canary if look else ()), key=lambda pod: pod.restarts, default=None)
    if worst is None or worst.restarts < _CRASHES:
        return ""
    return f"Pod {worst.name} has ended {worst.restarts} times. {observed.findings.said}".rstrip()


def stable_pods(observed: Observed) -> Pods | None:
    found = deployment_of(observed.resource, observed.live)
    return found.pods if found else None


def candidate_pods(observed: Observed) -> Pods | None:
    """Of the canary, or before anything serves those of the release itself."""
    is_canary = observed.resource.stable is not None
    found = deployment_of(observed.resource, observed.live, is_canary=is_canary)
    return found.pods if found else None


def share_of(observed: Observed, life: Life) -> float:
    """Of the canary, from 0 to 1: as a route asks, or else by the pods that are ready."""
    if traffic.is_by_weights(observed):
        return traffic.asked_percent(observed, life) / 100.0
    stable, canary = stable_pods(observed), candidate_pods(observed)
    return shares.true_share(stable.ready if stable else 0, canary.ready if canary else 0)


def shown(observed: Observed, life: Life) -> Json:
    """The share that the canary has now, for people."""
    has_traffic = life.stage is Stage.STEP or "previous" in life.rollout
    share = round(100.0 * share_of(observed, life), 1) if has_traffic else 0.0
    return {**life.rollout, "share": share} if life.rollout else {}


def _seconds(since: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()
