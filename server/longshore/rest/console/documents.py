"""What the console shows: the model once, its load again and again. It has nothing that the
metadata, the statistics and the readiness body do not tell, but for the utilization.
"""

from __future__ import annotations

import time
from typing import Any

from longshore.autoscaling.signal import ScalingSignal
from longshore.examples.image_layout import image_layout
from longshore.examples.request import ExampleTensor, example_tensors
from longshore.examples.sample import sample_inputs
from longshore.execution.model import Model
from longshore.lifecycle.served_versions import ServedVersions
from longshore.metrics import ServerMetrics
from longshore.tensors import TensorSpec

SUCCESS = "success"


def model_document(model: Model) -> dict[str, Any]:
    """The version that answers by default, with an example of each input."""
    signature = model.signature
    tensors = example_tensors(signature, sample_inputs(model.loaded))
    return {
        "name": model.name,
        "version": model.version,
        "platform": model.platform,
        "inputs": [_input(s, t) for s, t in zip(signature.inputs, tensors, strict=True)],
        "outputs": [_tensor(spec) for spec in signature.outputs],
        "parameters": model.describe(),
    }


def load_document(
    served: ServedVersions, metrics: ServerMetrics, signal: ScalingSignal
) -> dict[str, Any]:
    """Running totals, of which the page makes rates, and what lies on the volume."""
    durations = [
        metrics.request_duration_seconds.labels(served.name, version, SUCCESS)
        for version in served.by_number
    ]
    default = served.default
    return {
        "name": served.name,
        "ready": served.is_ready,
        "version": None if default is None else default.version,
        "versions": [
            {
                "version": row.version,
                "state": str(row.state),
                "ready": row.is_ready,
                "reason": row.reason,
            }
            for row in served.statuses()
        ],
        "problems": served.describe_problems(),
        "progress": served.describe_progress(),
        "seconds": time.monotonic(),
        "requests": metrics.requests.total(),
        "answers": sum(sum(found.counts) for found in durations),
        "rows": metrics.inferences.total(),
        "executions": metrics.executions.total(),
        "inflight": signal.inflight,
        "pending": sum(model.queued_requests for model in served.models),
        "resource_seconds": signal.resource_seconds(),
        "latency_buckets_seconds": metrics.request_duration_seconds.buckets,
        "latency_counts": [sum(c) for c in zip(*(d.counts for d in durations), strict=True)],
    }


def _input(spec: TensorSpec, tensor: ExampleTensor) -> dict[str, Any]:
    layout = image_layout(spec)
    example = {"shape": tensor.shape, "elements": tensor.json_elements, "count": tensor.count}
    return {
        **_tensor(spec),
        "image": None if layout is None else layout.to_document(),
        "example": example,
    }


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": spec.shape}
