"""What Triton's configuration has and this server does not offer: each key with the reason, or with
what to do instead, by message of `model_config.proto`.
"""

from __future__ import annotations

MODEL = {
    "platform": "write `backend` (onnxruntime, pytorch, identity)",
    "ensemble_scheduling": "one release serves one model; compose models in the caller",
    "sequence_batching": "requests are independent of each other, no state is kept between them",
    "optimization": "the calibration chooses; see the settings for what can be pinned",
    "model_warmup": "every batch size is warmed up before the model is ready, with made inputs",
    "batch_input": "only the model's own inputs are given to it",
    "batch_output": "every output must carry the batch on its first axis",
    "default_model_filename": "the file is called model.onnx, model.pt or model.pt2",
    "cc_model_filenames": "the file is called model.onnx, model.pt or model.pt2",
    "metric_tags": "labels are added where metrics are scraped",
    "model_metrics": "the metrics are the same for every model",
    "model_operations": "custom operator libraries are code, and code is not loaded from a volume",
    "model_repository_agents": "agents are code, and code is not loaded from a volume",
    "model_transaction_policy": "one request has one answer",
    "response_cache": "answers are not cached",
    "runtime": "the server has one runtime for each backend",
}
INPUT = {
    "format": "the layout is what `dims` says",
    "reshape": "tensors reach the model in the shape that it declares",
    "is_shape_tensor": "TensorRT is not served",
    "is_non_linear_format_io": "TensorRT is not served",
    "allow_ragged_batch": "declare `padding` for the dimensions that vary",
    "optional": "whether an input may be left out is read from the artifact",
}
OUTPUT = {
    "reshape": "tensors leave the model in the shape that it gives",
    "label_filename": "the classification extension is not offered",
    "is_shape_tensor": "TensorRT is not served",
    "is_non_linear_format_io": "TensorRT is not served",
}
INSTANCE_GROUP = {
    "name": "there is one group, it needs no name",
    "profile": "TensorRT is not served",
    "passive": "every instance serves",
    "rate_limiter": "the queue is bounded by the measured cost instead",
    "host_policy": "place pods with the chart's node selectors",
    "secondary_devices": "one instance runs on one device",
}
DYNAMIC_BATCHING = {
    "preserve_ordering": "every answer belongs to its own request",
    "priority_levels": "requests are equal, and run in the order of their arrival",
    "default_priority_level": "requests are equal, and run in the order of their arrival",
    "priority_queue_policy": "requests are equal, and run in the order of their arrival",
}
QUEUE_POLICY = {
    "allow_timeout_override": "a request may always shorten its own deadline",
}
