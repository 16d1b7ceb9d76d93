"""The bytes of a version, from here into the pod, as far as they are not there already."""

from __future__ import annotations

from dataclasses import dataclass

from longshore.errors import ModelLoadError
from longshore_k8s.api import Json
from longshore_k8s.push.conversation import Conversation
from longshore_k8s.push.display import Display
from longshore_k8s.push.errors import PushBroke
from longshore_k8s.push.in_pod.lines import CHUNK_BYTES
from longshore_k8s.push.model_to_push import ModelVersion


@dataclass(slots=True)
class Transfer:
    """One try; another goes on from what the pod has by then."""

    model: ModelVersion
    display: Display
    began_with: int = 0
    """Bytes that an earlier try had brought there."""
    received: int = 0
    """Bytes that the pod has written."""

    def run(self, talk: Conversation, request: Json) -> Json:
        """The last word of the pod: `published`, or `failed` and why.

        Raises:
            PushBroke: the way to it broke.
            ModelLoadError: a file became shorter meanwhile.
        """
        talk.say(request)
        answer = talk.next()
        if "there" not in answer:
            return answer
        self.began_with = self.received = sum(answer["there"].values())
        if self.received:
            self.display.say(f"going on from {self.received} bytes that are there")
        self._show("copied", self.received)
        for name, listed in self.model.manifest.files.items():
            offset = answer["there"].get(name, 0)
            if offset < listed.size or name not in answer["there"]:
                failed = self._send(talk, name, offset, listed.size)
                if failed is not None:
                    return failed
        for name, text in self.model.calibrations.items():
            talk.say({"calibration": name, "text": text})
        talk.say({"end": True})
        while not _is_last(line := talk.next()):
            self._hear(line)
        return line

    def _send(self, talk: Conversation, name: str, offset: int, end: int) -> Json | None:
        """The pod's last word, where it has had enough."""
        talk.say({"file": name, "offset": offset})
        with (self.model.directory / name).open("rb") as file:
            file.seek(offset)
            while offset < end:
                chunk = file.read(min(CHUNK_BYTES, end - offset))
                if not chunk:
                    raise ModelLoadError(f"{file.name}: became shorter while it was pushed")
                failed = self._send_chunk(talk, chunk)
                if failed is not None:
                    return failed
                offset += len(chunk)
        return None

    def _send_chunk(self, talk: Conversation, chunk: bytes) -> Json | None:
        try:
            talk.send(chunk)
        except PushBroke:
            for line in talk.heard():  # perhaps it said why before it left
                if _is_last(line):
                    return line
            raise
        for line in talk.heard():
            if _is_last(line):
                return line
            self._hear(line)
        return None

    def _hear(self, line: Json) -> None:
        if "received" in line:
            self.received = int(line["received"])
            self._show("copied", self.received)
        elif "verified" in line:
            self._show("verified", int(line["verified"]))

    def _show(self, doing: str, done: int) -> None:
        self.display.show(doing, done, self.model.size)


def _is_last(line: Json) -> bool:
    return "published" in line or "failed" in line
