"""Every metric of the server, declared once.

Names follow https://prometheus.io/docs/practices/naming/; meanings follow Triton's
`nv_inference_*`. No label takes a value that a client can invent. Every child that a label set can
have is created at start, so that each series is exported as 0 before the first request: a series
that first appears with a value hides that value from `rate()`, and a name without a series does not
exist for an autoscaler.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from longshore.tallies import CountTally, DistributionTally, SampledCounter, SampledGauge

PROTOCOLS = ("v2_json", "v2_binary", "v1")
OUTCOMES = (
    "success", "invalid", "unauthenticated", "not_found", "too_large",
    "rejected", "unavailable", "timeout", "cancelled", "error",
)  # fmt: skip
TRIAL_OUTCOMES = ("passed", "refused", "crashed", "hung", "memory", "starved")
COST_REASONS = ("throttled", "contended", "slower", "bursting", "faster")
DEFAULT_LATENCY_BUCKETS_SECONDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
BATCH_SIZE_BUCKETS = tuple(float(2**power) for power in range(11))

disable_created_metrics()  # type: ignore[no-untyped-call]


class ServerMetrics:
    """The metrics of one server; each server and each test has its own `registry`."""

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        latency_buckets_seconds: tuple[float, ...] = DEFAULT_LATENCY_BUCKETS_SECONDS,
    ) -> None:
        self.registry = registry or CollectorRegistry()
        by_model, by_version = ("model",), ("model", "version")

        def counter(name: str, help: str, labels: tuple[str, ...]) -> Counter:
            return Counter(name, help, labels, registry=self.registry)

        def tally(name: str, help: str, labels: tuple[str, ...]) -> CountTally:
            return CountTally(name, help, labels, self.registry)

        def gauge(name: str, help: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(name, help, labels, registry=self.registry)

        def histogram(
            name: str, help: str, labels: tuple[str, ...], buckets: tuple[float, ...]
        ) -> DistributionTally:
            return DistributionTally(name, help, labels, self.registry, buckets=buckets)

        # What the autoscaler reads: additive, counted on arrival, refusals included, unbounded.
        self.requests = tally(
            "longshore_requests_total", "Inference requests that arrived, refused ones included.",
            ("model", "version", "protocol"),
        )  # fmt: skip
        self.offered_work_seconds = SampledCounter(
            "longshore_offered_work_seconds_total",
            "Capacity of this pod that arriving work asked for, in seconds of what is full first: "
            "the CPUs, the event loop or the instances. Its rate is 1 when the pod is just full.",
            by_model, self.registry,
        )  # fmt: skip
        self.offered_resource_seconds = SampledCounter(
            "longshore_offered_resource_seconds_total",
            "The same by resource, each as a share of what there is of it.",
            ("model", "resource"), self.registry,
        )  # fmt: skip
        self.inflight_request_seconds = SampledCounter(
            "longshore_inflight_request_seconds_total",
            "Time integral of requests in flight; its rate is the mean concurrency.",
            by_model, self.registry,
        )  # fmt: skip
        self.request_duration_seconds = histogram(
            "longshore_request_duration_seconds", "From arrival to answer, by outcome.",
            ("model", "version", "outcome"), latency_buckets_seconds,
        )  # fmt: skip

        # What became of the requests.
        self.responses = tally(
            "longshore_responses_total", "Inference requests that were answered, by outcome.",
            ("model", "version", "outcome"),
        )  # fmt: skip
        self.inferences = tally(
            "longshore_inferences_total", "Rows that the model computed.", by_version
        )
        self.executions = tally(
            "longshore_executions_total",
            "Executions of the model; inferences / executions is the mean batch size.", by_version,
        )  # fmt: skip
        self.queue_duration_seconds = histogram(
            "longshore_queue_duration_seconds", "From admission to the start of the execution.",
            by_version, latency_buckets_seconds,
        )  # fmt: skip
        self.compute_duration_seconds = histogram(
            "longshore_compute_duration_seconds",
            "One execution of the model.",
            by_version,
            latency_buckets_seconds,
        )
        self.batch_size = histogram(
            "longshore_batch_size", "Rows in one execution.", by_version, BATCH_SIZE_BUCKETS
        )
        self.instances = gauge(
            "longshore_instances", "Executions at once, as measured or pinned.", by_version
        )
        self.threads = gauge(
            "longshore_threads", "CPU threads of one execution, as measured or pinned.", by_version
        )
        self.predicted_compute_seconds = tally(
            "longshore_predicted_compute_seconds_total",
            "What the executions should have taken by their calibration; one on all CPUs counts "
            "for all of its threads.", by_version,
        )  # fmt: skip
        self.cost_factor = gauge(
            "longshore_cost_factor",
            "What executions take now, as a multiple of what was calibrated; without a "
            "calibration, seconds per row.",
            by_version,
        )
        self.cost_reason = gauge(
            "longshore_cost_factor_reason",
            "1 for the reason why longshore_cost_factor is not within 0.8 to 1.25: the CPU quota "
            "(throttled), waiting for CPUs or the device (contended), more CPU time for the same "
            "rows (slower), a quota that is not used up (bursting), or less of either (faster).",
            ("model", "version", "reason"),
        )
        self.available_cpus = gauge(
            "longshore_available_cpus",
            "CPUs that this process can have now: its limit, less what neighbours take and it is "
            "not guaranteed.",
        )
        self.seconds_per_row = gauge(
            "longshore_seconds_per_row",
            "Cost of a row in a full batch, as calibrated; 0 when nothing could be measured.",
            by_version,
        )
        self.max_batch_size = gauge(
            "longshore_max_batch_size", "Rows that one execution may have at most.", by_version
        )
        self.out_of_memory = counter(
            "longshore_out_of_memory_batches_total",
            "Batches for which the device had no memory; their halves were run instead, and "
            "longshore_max_batch_size went down.",
            by_version,
        )
        self.pending_requests = gauge(
            "longshore_pending_requests", "Requests that wait for an instance.", by_version
        )
        self.inflight_requests = gauge(
            "longshore_inflight_requests", "Requests between arrival and answer.", by_model
        )

        # The model and the server.
        self.model_ready = gauge(
            "longshore_model_ready", "1 while the version answers requests.", by_version
        )
        self.model_load_duration_seconds = gauge(
            "longshore_model_load_duration_seconds",
            "Reading the artifact and building the sessions.",
            by_version,
        )
        self.model_warmup_duration_seconds = gauge(
            "longshore_model_warmup_duration_seconds",
            "First executions before the version is ready.",
            by_version,
        )
        self.model_calibration_duration_seconds = gauge(
            "longshore_model_calibration_duration_seconds",
            "Proof of batching and measurement of its cost.",
            by_version,
        )
        self.model_load_failures = counter(
            "longshore_model_load_failures_total",
            "Versions that were refused, by their layout, config, digests, load or warm-up; each "
            "once for each state of its files.",
            by_model,
        )
        self.candidate_trials = counter(
            "longshore_candidate_trials_total",
            "Versions that were tried beside one that serves, by what came of it: passed, refused "
            "by a check, what would have harmed (crashed, hung, memory), or starved of CPU.",
            ("model", "outcome"),
        )
        self.candidate_trying = gauge(
            "longshore_candidate_trying",
            "1 while a version is tried beside one that serves.",
            by_model,
        )
        self.candidate_trial_duration_seconds = gauge(
            "longshore_candidate_trial_duration_seconds",
            "Of the last version that was tried.",
            by_model,
        )
        # The GPU, from when a model on one is served; what it does not tell has no series.
        by_device = ("device",)
        self.device_memory_used = gauge(
            "longshore_device_memory_used_bytes",
            "Device memory that the tensors of this process take.",
            by_device,
        )
        self.device_memory_reserved = gauge(
            "longshore_device_memory_reserved_bytes",
            "Device memory that the framework keeps, the used part included.",
            by_device,
        )
        self.device_memory_free = gauge(
            "longshore_device_memory_free_bytes",
            "Device memory that this process could still take, its limit and others considered.",
            by_device,
        )
        self.device_memory_total = gauge(
            "longshore_device_memory_total_bytes",
            "Memory of the device, or the limit that the process was given.",
            by_device,
        )
        self.device_utilization = gauge(
            "longshore_device_utilization_ratio",
            "Share of the driver's last sample period in which anything ran on the device (NVML).",
            by_device,
        )
        self.device_throttled = gauge(
            "longshore_device_throttled",
            "1 while the clocks are held down by power, thermal or hardware (NVML).",
            ("device", "reason"),
        )
        self.device_lost = gauge(
            "longshore_device_lost",
            "1 once the device failed for good as far as this process goes; it then ends.",
        )
        self.cpus = gauge(
            "longshore_cpus", "CPUs that threads and instances are planned for, in parts too."
        )
        # The process's own cgroups; what the kernel does not tell has no series.
        self.memory_working_set = SampledGauge(
            "longshore_memory_working_set_bytes",
            "Memory of the container that the kernel cannot drop at once: its use less the file "
            "pages that were not read lately.",
            (), self.registry,
        )  # fmt: skip
        self.memory_peak = SampledGauge(
            "longshore_memory_peak_bytes",
            "The most memory that the container used since it started, the pages of files that it "
            "read included (Linux 5.19, or cgroup v1).",
            (), self.registry,
        )  # fmt: skip
        self.memory_limit = SampledGauge(
            "longshore_memory_limit_bytes",
            "The smallest memory limit of the container and what it is in; no series without one.",
            (), self.registry,
        )  # fmt: skip
        self.quota_periods = SampledCounter(
            "longshore_cpu_quota_periods_total",
            "Periods of the CPU quota in which the container had work; no series without a quota.",
            (), self.registry,
        )  # fmt: skip
        self.throttled_periods = SampledCounter(
            "longshore_cpu_throttled_periods_total",
            "Those in which the quota was used up and the container was held back.",
            (), self.registry,
        )  # fmt: skip
        self.throttled_seconds = SampledCounter(
            "longshore_cpu_throttled_seconds_total",
            "CPU time for which a quota held the container back, of all its CPUs together.",
            (), self.registry,
        )  # fmt: skip
        self.draining = gauge("longshore_draining", "1 from SIGTERM to the end of the process.")
        self.drain_used_ratio = gauge(
            "longshore_drain_used_ratio",
            "Share of the drain's time that is used up, 0 before SIGTERM; at 1 the requests that "
            "are left are cut off.",
        )
        self.build_info = gauge(
            "longshore_build_info", "Always 1; the labels say what runs.", ("version",)
        )

    def create_version(self, model: str, version: str) -> None:
        """Create every child of `model` and `version`, so that all are exported as 0."""
        for protocol in PROTOCOLS:
            self.requests.labels(model, version, protocol)
        for outcome in OUTCOMES:
            self.request_duration_seconds.labels(model, version, outcome)
            self.responses.labels(model, version, outcome)
        for reason in COST_REASONS:
            self.cost_reason.labels(model, version, reason)
        for by_version in (
            self.inferences,
            self.executions,
            self.queue_duration_seconds,
            self.compute_duration_seconds,
            self.batch_size,
            self.instances,
            self.threads,
            self.predicted_compute_seconds,
            self.cost_factor,
            self.seconds_per_row,
            self.max_batch_size,
            self.out_of_memory,
            self.pending_requests,
            self.model_ready,
            self.model_load_duration_seconds,
            self.model_warmup_duration_seconds,
            self.model_calibration_duration_seconds,
        ):
            by_version.labels(model, version)

    def create_model(self, model: str) -> None:
        """Create the children that need no version: they are there before one is found."""
        for by_model in (
            self.inflight_requests,
            self.model_load_failures,
            self.candidate_trying,
            self.candidate_trial_duration_seconds,
        ):
            by_model.labels(model)
        for outcome in TRIAL_OUTCOMES:
            self.candidate_trials.labels(model, outcome)
