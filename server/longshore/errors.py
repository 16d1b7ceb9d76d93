"""The one error family of the runtime.

Whatever goes wrong with a request is raised as a `LongshoreError`; `rest.responses` is the only
place that turns one into an HTTP answer (status map: Open Inference Protocol and Triton, KServe
where they are silent). Faults of a model or of the configuration are a family of their own:
nobody's request caused them.
"""

from __future__ import annotations


class LongshoreError(Exception):
    """A request that is not answered with a result; the message is public and goes to the client as
    it is.
    """

    status = 500
    outcome = "error"
    """The value of the `outcome` label that the metrics count this under."""


# The client's mistake.


class InvalidRequest(LongshoreError):
    """The request does not fit the protocol or the model's signature."""

    status = 400
    outcome = "invalid"


class Unauthenticated(LongshoreError):
    """The bearer token is missing or not one of those allowed."""

    status = 401
    outcome = "unauthenticated"


class ModelNotFound(LongshoreError):
    """No such model, version or path."""

    status = 404
    outcome = "not_found"


class MethodNotAllowed(LongshoreError):
    """The path exists, the method does not."""

    status = 405
    outcome = "invalid"

    def __init__(self, method: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{method} is not allowed here; allowed: {', '.join(allowed)}")
        self.allowed = allowed


class BodyTimeout(LongshoreError):
    """The client did not finish sending its body in time."""

    status = 408
    outcome = "invalid"


class PayloadTooLarge(LongshoreError):
    """The body, or what it decompresses to, is larger than the server accepts."""

    status = 413
    outcome = "too_large"


class UnsupportedEncoding(LongshoreError):
    """A `Content-Encoding` that the server cannot decode."""

    status = 415
    outcome = "invalid"


class UnsupportedMediaType(LongshoreError):
    """A `Content-Type` that says that the body is neither JSON nor octets."""

    status = 415
    outcome = "invalid"


# Not now.


class RetryableError(LongshoreError):
    """A refusal that a client may repeat after `retry_after_seconds`."""

    def __init__(self, message: str, *, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class QueueFull(RetryableError):
    """The server has no room for the request now."""

    status = 429
    outcome = "rejected"

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        expected_wait_seconds: float = 0.0,
        retry_after_seconds: float = 1.0,
    ) -> None:
        """`reason` names the bound that was reached, as a key of the log line that sums up
        refusals.
        """
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.reason = reason
        self.expected_wait_seconds = expected_wait_seconds


class ModelNotReady(RetryableError):
    """The model is known but is not loaded, or no longer."""

    status = 503
    outcome = "unavailable"


class ServerDraining(RetryableError):
    """The server is about to stop and takes no more work."""

    status = 503
    outcome = "unavailable"


class DeviceLost(RetryableError):
    """The accelerator failed for good, as far as this process goes; another pod can answer."""

    status = 503
    outcome = "unavailable"


class OutOfDeviceMemory(RetryableError):
    """The device had no memory for the execution, not even for the smallest one that was tried."""

    status = 503
    outcome = "unavailable"


class RequestTimeout(LongshoreError):
    """The deadline of the request passed before its answer was ready."""

    status = 504
    outcome = "timeout"


class RequestCancelled(LongshoreError):
    """The client left before its answer was ready; the status is never sent."""

    status = 499
    outcome = "cancelled"


# The server's or the model's fault.


class InferenceFailed(LongshoreError):
    """The model raised while it ran on a valid request."""

    status = 500
    outcome = "error"


class ExecutionFailed(InferenceFailed):
    """The framework failed; whether the inputs or the model are at fault, it does not say."""


class ModelDefect(InferenceFailed):
    """The model fails whatever it is given: what it takes or gives is not what was declared."""


class UnsupportedFeature(LongshoreError):
    """A part of the protocol that the server, or this model, does not offer."""

    status = 501
    outcome = "invalid"


# Faults outside a request.


class SettingsError(ValueError):
    """A setting has a value that is not allowed; names the setting, its source, the value and what
    is allowed.
    """


class RequestRefused(RuntimeError):
    """What a server answered to a client of ours in place of a result, or why it did not answer."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class ModelConfigError(ValueError):
    """A mistake in `config.yaml`; names the file, the key, the value found and those allowed."""


class ModelLoadError(RuntimeError):
    """An artifact that cannot be served; names the file and the reason."""


class NoDeviceMemory(ModelLoadError):
    """The device has no room for the model, beside what else is loaded there."""


class ArtifactChanged(ModelLoadError):
    """A file was written to or replaced while it was loaded: another look is needed."""
