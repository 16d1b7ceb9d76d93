"""Handing the results of an execution to those who wait for them; runs on the event loop."""

from __future__ import annotations

import logging

from longshore.batching.pending_request import PendingRequest
from longshore.execution.batch_execution import Execution, Observer, public_error

logger = logging.getLogger(__name__)


def deliver(execution: Execution, observe: Observer) -> None:
    """Answer every request of the execution, then let `observe` learn from it.

    What is raised on the way is the answer of the request that it belongs to, and of no other.
    """
    for done in execution.results:
        part, result = done.part, done.result
        request = part.request
        try:
            if isinstance(result, Exception):
                request.fail(result)
                continue
            share = 1.0 if part.is_whole else _uncounted_share(execution, request)
            request.input_seconds += share * execution.input_seconds
            request.infer_seconds += share * execution.infer_seconds
            request.output_seconds += share * execution.output_seconds
            outputs = request.add_part(part.start, part.stop - part.start, result)
            if outputs is not None:
                request.succeed(outputs)
        except Exception as error:
            request.fail(public_error(error))
    try:
        observe(execution)
    except Exception:
        logger.exception("an execution was not recorded: rows=%d", execution.rows)


def _uncounted_share(execution: Execution, request: PendingRequest) -> float:
    """Of an execution of some rows of `request`, what the request did not wait for another anyway:
    several instances may have computed its rows at once.
    """
    since = max(execution.ended - execution.seconds, request.computed_until)
    request.computed_until = max(execution.ended, since)
    if execution.seconds <= 0:
        return 1.0
    return max(0.0, execution.ended - since) / execution.seconds
