"""Load on one model server, with requests made from the model's own metadata.

    locust -f loadtests/locustfile.py --host http://localhost:8000

`README.md` beside this file says what the numbers mean.
"""

from __future__ import annotations

import itertools
import logging
import random
import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any, ClassVar

import gevent
from discovery import DiscoveryError, discover_model, fetch_metadata
from locust import FastHttpUser, LoadTestShape, constant, events, task
from locust.contrib.fasthttp import LocustBadStatusCode, ResponseContextManager
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import WorkerRunner
from model_payload import Body, InputSizes, PayloadMaker
from stages import STAGES, users_at
from thresholds import FAILED, PASSED, Outcome, Thresholds, violations

logger = logging.getLogger(__name__)

VARIANT_COUNT = 16
"""Number of different requests in rotation; they are made before the run, so that it costs no time
during the run.
"""


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--token",
        env_var="LONGSHORE_TOKEN",
        is_secret=True,
        default="",
        help="bearer token, where the server asks for one",
    )  # type: ignore[call-overload]
    group = parser.add_argument_group("model under load")
    group.add_argument(
        "--model",
        env_var="LONGSHORE_MODEL",
        default="",
        help="name of the model; the server is asked when it is not given",
    )  # type: ignore[call-overload]
    group.add_argument("--rows", type=int, default=1, help="rows of a request")
    group.add_argument("--dynamic-size", type=int, default=16, help="size of other open dimensions")
    group.add_argument("--max-integer", type=int, default=9, help="largest integer in a tensor")
    group.add_argument("--seed", type=int, default=0, help="the same seed, the same requests")
    group.add_argument(
        "--shape", choices=tuple(STAGES), default="constant", help="users over time, up to --users"
    )
    group.add_argument(
        "--arrivals-per-user",
        type=float,
        default=0.0,
        help="open load: requests per second that each user starts, answered or not; "
        "0 is closed load: each user waits for its answer",
    )
    limits = parser.add_argument_group("pass or fail of a headless run")
    limits.add_argument("--max-error-rate", type=float, default=0.01, help="share, 0 to 1")
    limits.add_argument("--max-p99-ms", type=float, default=None, help="no bound unless given")


class ChosenShape(LoadTestShape):
    """`--shape`, between 1 and `--users`, over `--run-time` (for ever without one)."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        assert self.runner is not None
        options = self.runner.environment.parsed_options
        users = users_at(
            options.shape,
            self.get_run_time(),
            peak=options.num_users or 1,
            run_seconds=options.run_time or float("inf"),
        )
        return None if users is None else (users, options.spawn_rate or users)


class InferenceUser(FastHttpUser):
    """Sends one inference after the other, or starts them on a schedule (`--arrivals-per-user`)."""

    abstract = True
    wait_time = constant(0)
    concurrency = 1024
    encoding: ClassVar[str]
    make_body: ClassVar[Callable[[PayloadMaker], Body]]
    bodies: ClassVar[dict[str, tuple[str, list[Body]]]] = {}

    def on_start(self) -> None:
        self.path, bodies = self._prepared()
        self.bodies_in_turn = itertools.cycle(random.sample(bodies, len(bodies)))
        self.due = time.perf_counter()

    @task
    def infer(self) -> None:
        rate = self.environment.parsed_options.arrivals_per_user
        if not rate:
            self._send(time.perf_counter())
            return
        # Poisson arrivals, as from many independent clients.
        self.due += random.expovariate(rate)
        gevent.sleep(max(0.0, self.due - time.perf_counter()))
        gevent.spawn(self._send, self.due)

    def _send(self, intended_start: float) -> None:
        body = next(self.bodies_in_turn)
        with self.client.post(
            self.path,
            data=body.content,
            headers=body.headers,
            name=f"infer ({self.encoding})",
            catch_response=True,
        ) as response:
            if failure := _failure(response):
                response.failure(failure)
            # A request that started late has waited since it was due.
            elapsed_ms = (time.perf_counter() - intended_start) * 1000
            response.request_meta["response_time"] = elapsed_ms

    def _prepared(self) -> tuple[str, list[Body]]:
        """The path and the requests of this kind of user, made once a process."""
        if self.encoding not in self.bodies:
            try:
                self.bodies[self.encoding] = self._prepare(self.environment.parsed_options)
            except (DiscoveryError, ValueError) as error:
                logger.error("%s", error)
                self.environment.runner.quit()
                raise StopUser from error
        return self.bodies[self.encoding]

    def _prepare(self, options: Any) -> tuple[str, list[Body]]:
        host = self.host.rstrip("/")
        model = options.model or discover_model(host, _authorization(options))
        metadata = fetch_metadata(host, model, _authorization(options))
        sizes = InputSizes(options.rows, options.dynamic_size, options.max_integer)
        maker = PayloadMaker(metadata, sizes, seed=options.seed)
        bodies = [type(self).make_body(maker) for _ in range(VARIANT_COUNT)]
        for body in bodies:
            body.headers.update(_authorization(options))
        logger.info(
            "requests ready: model=%s encoding=%s bytes=%d", model, self.encoding,
            len(bodies[0].content),
        )  # fmt: skip
        return f"/v2/models/{model}/infer", bodies


class JsonUser(InferenceUser):
    """Tensors as JSON numbers: what most clients send first."""

    encoding = "json"
    make_body = PayloadMaker.json_body


class BinaryUser(InferenceUser):
    """Tensors as raw bytes (the binary extension): what large tensors should use."""

    encoding = "binary"
    make_body = PayloadMaker.binary_body


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    """Set the exit code from the thresholds; with workers, only the master does."""
    if isinstance(environment.runner, WorkerRunner) or environment.parsed_options is None:
        return
    options = environment.parsed_options
    total = environment.stats.total
    outcome = Outcome(
        requests=total.num_requests,
        failures=total.num_failures,
        p99_ms=total.get_response_time_percentile(0.99),
    )
    broken = violations(outcome, Thresholds(options.max_error_rate, options.max_p99_ms))
    for sentence in broken:
        logger.error("failed: %s", sentence)
    environment.process_exit_code = FAILED if broken else PASSED


def _failure(response: ResponseContextManager) -> str | None:
    """What went wrong, in the words by which locust counts failures; `None` for an answer."""
    cause = response.request_meta["exception"]
    if cause is None or isinstance(cause, LocustBadStatusCode):
        if response.status_code != 200:
            return f"{response.status_code}: {(response.text or '')[:120]}"
        return None if response.content else "200 with an empty body"
    cause = cause.__context__ or cause  # geventhttpclient reports a reset as "connection closed."
    happened = str(cause) or type(cause).__name__
    if response.status_code:
        return f"{response.status_code}, then the answer broke off: {happened}"
    return f"no answer: {happened}"


def _authorization(options: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {options.token}"} if options.token else {}
