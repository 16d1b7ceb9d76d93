"""A push from its first try to the published version, through breaks of the connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from longshore_k8s.api import ClusterUnreachable, Json
from longshore_k8s.push.cluster import Cluster
from longshore_k8s.push.conversation import conversation
from longshore_k8s.push.display import Display, size
from longshore_k8s.push.errors import PushBroke, PushFailed
from longshore_k8s.push.model_to_push import ModelVersion
from longshore_k8s.push.pod import running_pod
from longshore_k8s.push.pod_manifest import MOUNT, PodOptions
from longshore_k8s.push.target import Target
from longshore_k8s.push.transfer import Transfer

_TRIES_WITHOUT_PROGRESS = 5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Push:
    """One version on its way to one directory of a claim."""

    cluster: Cluster
    target: Target
    model: ModelVersion
    pod: PodOptions
    display: Display
    replaces_config: bool = False
    is_fresh: bool = False
    wait_seconds: float = 300.0
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> None:
        """Until the version is published. What breaks is tried again from where it broke, as long
        as each few tries bring something.

        Raises:
            PushFailed: why it cannot be.
        """
        reached, failures, broke, reopened = 0, 0, False, False
        while True:
            transfer = Transfer(self.model, self.display)
            try:
                answer = self._try(transfer, is_first=not broke)
            except (PushBroke, ClusterUnreachable) as error:
                failures = (
                    0 if transfer.received > max(reached, transfer.began_with) else failures + 1
                )
                reached, broke = max(reached, transfer.received), True
                self._pause(error, failures, reached)
                continue
            if "published" in answer or (broke and answer.get("same")):
                return  # the last word of a try that broke may be what was lost
            if answer.get("failed") != "digest" or reopened:
                raise PushFailed(self._sentence(answer))
            reopened = True
            self.display.say(f"{', '.join(answer['names'])}: came over wrong; once more")

    def _try(self, transfer: Transfer, *, is_first: bool) -> Json:
        pod = running_pod(
            self.cluster, self.target, self.pod,
            writes=True, wait_seconds=self.wait_seconds,
            say=self.display.say, sleep=self.sleep,
        )  # fmt: skip
        with pod as path:
            words, image = ["receive", MOUNT], self.pod.image
            with conversation(self.cluster, path, words, image=image) as talk:
                return transfer.run(talk, self._request(is_first=is_first))

    def _request(self, *, is_first: bool) -> Json:
        return {
            "path": self.target.path,
            "version": self.model.version,
            "manifest": self.model.manifest.to_json(),
            "config": self.model.config,
            "replaces_config": self.replaces_config,
            "is_fresh": self.is_fresh and is_first,
        }

    def _pause(self, error: Exception, failures: int, reached: int) -> None:
        if failures >= _TRIES_WITHOUT_PROGRESS:
            raise PushFailed(
                f"{error}; {_TRIES_WITHOUT_PROGRESS} tries in a row brought nothing; the same "
                f"command goes on from {size(reached)}"
            ) from error
        seconds = min(_FIRST_PAUSE_SECONDS * 2**failures, _LONGEST_PAUSE_SECONDS)
        self.display.say(f"{error}; trying again in {seconds:.0f} s")
        self.sleep(seconds)

    def _sentence(self, answer: Json) -> str:
        claim, version = self.target.claim_name, self.model.version
        place = f"{claim}:{self.target.path}"
        reason = str(answer.get("reason", ""))
        match answer["failed"]:
            case "exists" if answer.get("same"):
                return f"version {version} is at {place} already, with the same content"
            case "exists":
                return (
                    f"version {version} is at {place} already, and a version is never overwritten: "
                    f"push it as another (`longshore versions` lists them)"
                )
            case "config":
                return (
                    f"{place} has another config.yaml, which the versions there are served by: "
                    f"--replace-config puts this one in its place"
                )
            case "busy":
                return f"somebody else is pushing version {version} to {place}: wait for them"
            case "space":
                return self._full(answer)
            case "readonly":
                return f"the volume of claim {claim} is read-only: push where it can be written to"
            case "denied":
                return (
                    f"the pod may not write to {place}: let the volume's root belong to its user "
                    f"or group (podSecurityContext.fsGroup of the release) [{reason}]"
                )
            case "rename":
                return (
                    f"the volume of claim {claim} cannot rename a directory, by which a version "
                    f"appears in one step: push to another kind of volume [{reason}]"
                )
            case "digest":
                names = ", ".join(answer["names"])
                return (
                    f"{names}: read back from {place} it is not what was sent, twice: the volume "
                    f"or a file here changes"
                )
        return f"the pod could not take version {version} in at {place} [{reason}]"

    def _full(self, answer: Json) -> str:
        free, needed = answer.get("free"), answer.get("needed")
        left = "" if free is None else f" ({size(free)} left"
        left += f", {size(needed)} needed)" if left and needed else ")" if left else ""
        return (
            f"the volume of claim {self.target.claim_name} is full{left}: make the claim larger, "
            f"remove versions, or --fresh to remove what interrupted pushes left there"
        )
