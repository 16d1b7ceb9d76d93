"""Floor of a cold start and of memory: import onnxruntime and numpy, load, run, report it, wait.

    python first_answer.py MODEL

It ends when its standard input does.
"""

import sys

import numpy
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
spec = session.get_inputs()[0]
kind = numpy.int64 if spec.type == "tensor(int64)" else numpy.float32
session.run(None, {spec.name: numpy.ones((1, *spec.shape[1:]), kind)})
print("answered", flush=True)
sys.stdin.read()
