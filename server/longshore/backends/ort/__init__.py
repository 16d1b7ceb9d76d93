"""ONNX files by onnxruntime. Its telemetry is off before anything of it is imported: it would start
an uploader, write a device identifier below HOME and look up a host (its Privacy.md).
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
