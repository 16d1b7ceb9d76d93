"""What a server says of the model that it serves, and one request to it."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from longshore.batching.cost import CostLine
from longshore_k8s.capacity.client_process import Address
from longshore_k8s.capacity.payloads import Payload
from longshore_k8s.capacity.pod_model import PodModel, pod_model
from longshore_k8s.capacity.unsound import UnsoundError

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ServedModel:
    """Behind one address."""

    address: Address
    name: str
    headers: tuple[str, ...] = ()
    """Further ones of each request, as `Name: value`."""

    @property
    def path(self) -> str:
        return f"/v2/models/{self.name}"

    def metadata(self) -> dict[str, Any]:
        """
        Raises:
            UnsoundError: it is not served.
        """
        status, content = self._ask("GET", self.path)
        if status != 200:
            raise UnsoundError(f"{self.path} is answered {status}: {content[:300]!r}")
        found: dict[str, Any] = json.loads(content)
        return found

    def queue_delay_seconds(self) -> float:
        status, content = self._ask("GET", f"{self.path}/config")
        batching = json.loads(content).get("dynamic_batching", {}) if status == 200 else {}
        return float(batching.get("max_queue_delay_microseconds", 0)) / 1e6

    def model(self, metadata: dict[str, Any], rows: int) -> PodModel:
        """By its own calibration; of a model that could not be measured, all executions cost
        alike until a load says what.
        """
        said = metadata["parameters"]
        points = said.get("cost_seconds_by_rows") or {"1": 1.0}
        cost = CostLine(tuple(sorted((int(n), float(s)) for n, s in points.items())))
        return pod_model(
            cost, max_rows=max(1, int(said["max_batch_size"])), rows=rows,
            instances=int(said["instances"]), delay_seconds=self.queue_delay_seconds(),
        )  # fmt: skip

    def requests(self, payloads: Sequence[Payload]) -> list[bytes]:
        host = f"{self.address.host}:{self.address.port}"
        return [payload.request(f"{self.path}/infer", host, self.headers) for payload in payloads]

    def try_request(self, payload: Payload) -> float:
        """Seconds of one request on a connection of its own.

        Raises:
            UnsoundError: it has no result.
        """
        begin = time.perf_counter()
        head = {
            name: value
            for line in (*payload.headers.split("\r\n"), *self.headers)
            if line
            for name, _, value in [line.partition(": ")]
        }
        status, content = self._ask("POST", f"{self.path}/infer", payload.content, head)
        if status != 200:
            said = content[:300].decode(errors="replace")
            raise UnsoundError(
                f"the model takes no such request ({status}: {said}); record one that it takes, "
                "and give it by --payload"
            )
        return time.perf_counter() - begin

    def idle_seconds(self, payload: Payload, tries: int = 20) -> float:
        """Median of requests one after another on one connection."""
        seconds = sorted(self.try_request(payload) for _ in range(tries))
        return seconds[tries // 2]

    def is_ready(self) -> bool:
        """
        Raises:
            UnsoundError: it cannot be served; with the server's own words.
        """
        try:
            status, content = self._ask("GET", "/v2/health/ready")
        except OSError:
            return False
        if status == 200:
            return True
        problems = json.loads(content).get("problems") if content else None
        if problems:
            raise UnsoundError(f"the server did not become ready: {problems}")
        return False

    def _ask(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        own = dict(header.partition(": ")[::2] for header in self.headers)
        connection = http.client.HTTPConnection(
            self.address.host, self.address.port, timeout=TIMEOUT_SECONDS
        )
        try:
            connection.request(method, path, content, {**own, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
