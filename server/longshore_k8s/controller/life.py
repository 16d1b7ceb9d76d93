"""What a resource remembers of its versions: the part of the status that a rollout rests on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from longshore_k8s.api import Json
from longshore_k8s.controller.aim import Aim
from longshore_k8s.controller.decision import Event
from longshore_k8s.controller.plan import Stage
from longshore_k8s.controller.resource import Resource

_REMEMBERED = 5
_LONGEST_MESSAGE = 1000
"""Characters: a pod may say what it likes."""
CAPACITY = "capacityPerPod"
"""Of what serves, and of a candidate that has shown it: rows a second of one pod."""
MADE_BY = "madeBy"
"""Of what serves, where its pods were changed by another chart alone: a digest of what did it."""
_OF_A_STAGE = frozenset({"hash", "asks", "version", "pods", "previous", "step", "steps", "judging",
                         "requests", "bad", "evidence", CAPACITY})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Life:
    """As in the status, and what of it is news."""

    stable: Json = field(default_factory=dict)
    """What serves: values, version and digest, in `pods` a digest of the pods made of them, and
    what one of them computes, where that was compared."""
    rollout: Json = field(default_factory=dict)
    rejected: Json = field(default_factory=dict)
    history: tuple[Json, ...] = ()
    news: tuple[Event, ...] = ()

    @classmethod
    def of(cls, resource: Resource) -> Life:
        status = resource.status
        return cls(
            status.get("stable") or {},
            status.get("rollout") or {},
            status.get("rejected") or {},
            tuple(status.get("history") or ()),
        )

    @property
    def aim(self) -> Aim | None:
        """What serves."""
        return Aim.from_json(self.stable) if self.stable else None

    @property
    def stage(self) -> Stage:
        return Stage(self.rollout.get("stage", ""))

    @property
    def place(self) -> tuple[object, ...]:
        """Where it is: what is to be there follows from it."""
        rollout = self.rollout
        return self.stable, self.stage, rollout.get("step"), rollout.get("hash"), self.rejected

    def entered(self, stage: Stage, now: str, message: str, **more: object) -> Life:
        """In another stage, or another step of one; what that stage said does not go along."""
        kept = {key: value for key, value in self.rollout.items() if key in _OF_A_STAGE}
        message = message[:_LONGEST_MESSAGE]
        rollout = {**kept, "stage": str(stage), "since": now, "message": message, **more}
        rollout.setdefault("reason", str(stage))
        step = f"{rollout['step']}" if stage is Stage.STEP else ""
        event = Event(f"Rollout{stage}{step}", message, is_warning=stage is Stage.ABORT)
        return replace(self, rollout=rollout, news=(*self.news, event))

    def held(self, reason: str, message: str, **more: object) -> Life:
        """In the same stage, for this reason."""
        said = {"reason": reason, "message": message[:_LONGEST_MESSAGE]}
        return replace(self, rollout={**self.rollout, **said, **more})

    def measured(self, candidate: float | None, stable: float | None) -> Life:
        """With what a pod of each version computes, in rows a second; `None`: not told."""
        return replace(
            self,
            rollout={**self.rollout, **_shown(candidate)},
            stable={**self.stable, **_shown(stable)},
        )

    def ended(self, outcome: str, now: str) -> Life:
        """Without a candidate."""
        rollout = self.rollout
        entry = {
            "version": rollout["version"],
            "outcome": outcome,
            "reason": rollout.get("reason", ""),
            "at": now,
        }
        news = Event(outcome, rollout.get("message", ""))
        return replace(
            self,
            rollout={},
            history=(entry, *self.history)[:_REMEMBERED],
            news=(*self.news, news) if outcome == "Promoted" else self.news,
        )

    def to_status(self, resource: Resource) -> Json:
        """The keys that are not empty, and the two versions that people look for."""
        whole: Json = {
            "stable": self.stable,
            "rollout": self.rollout,
            "rejected": self.rejected,
            "history": list(self.history),
            "servedVersion": self.served_version(resource),
            "candidateVersion": self.rollout.get("version"),
            CAPACITY: self.stable.get(CAPACITY),
        }
        return {key: value for key, value in whole.items() if value}

    @property
    def capacity(self) -> Json:
        """What is known of a pod of what serves, as its entry in `stable`."""
        return {CAPACITY: self.stable[CAPACITY]} if CAPACITY in self.stable else {}

    def served_version(self, resource: Resource) -> int | None:
        """By what is recorded; where no version is guarded, the one that the values pin."""
        if self.stable.get("version") or resource.is_guarded:
            return self.stable.get("version")
        version = (resource.values.get("model") or {}).get("version")
        return int(version) if version else None


def _shown(capacity: float | None) -> Json:
    return {CAPACITY: float(f"{capacity:.4g}")} if capacity else {}
