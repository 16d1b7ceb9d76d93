"""Make the example models again: `python models/build.py [digits]`.

Needs the extras `torch` and `dev`. Seeds are fixed, so the same torch gives the same files; the
held-out scans are a fifth of scikit-learn's 1797 scanned digits, drawn class by class.
"""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

MODELS = Path(__file__).parent
SEED = 7
EPOCHS = 20
WEIGHT_STEPS = 2**16
"""Steps to 1 that weights are rounded to."""
Scans = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

CONFIG = """\
# Scanned digits, 8 x 8 pixels scaled to 0..1; see models/README.md.
name: {name}
{tensors}parameters:
  held_out_accuracy: "{accuracy:.4f}"
  held_out_scans: "{count}"
"""
TENSORS = """\
# TorchScript says no types and sizes, and neither torch format names its outputs.
max_batch_size: 64
input:
  - {name: image, data_type: TYPE_FP32, dims: [1, 8, 8]}
output:
  - {name: logits, data_type: TYPE_FP32, dims: [10]}
"""


class DigitsNet(torch.nn.Module):
    """`image` [n, 1, 8, 8], 0..1 → `logits` [n, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 16, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(16, 32, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(32 * 4 * 4, 32),
            torch.nn.ReLU(),
            torch.nn.Linear(32, 10),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(image)
        return logits


def digits_scans() -> tuple[Scans, Scans, Labels, Labels]:
    """Training and held-out scans [n, 1, 8, 8], then their labels [n]."""
    digits = load_digits()
    scans = (digits.images / 16.0).astype(np.float32)[:, np.newaxis]
    train, held_out, train_labels, held_out_labels = train_test_split(
        scans, digits.target, test_size=0.2, random_state=SEED, stratify=digits.target
    )
    return train, held_out, train_labels, held_out_labels


def write_request(scans: Scans, labels: Labels, digit: int = 7) -> None:
    """The first held-out scan of `digit`, as the body of an inference request."""
    scan = scans[labels == digit][0]
    tensor = {"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [scan.tolist()]}
    body = json.dumps({"id": f"a-scanned-{digit}", "inputs": [tensor]})
    path = MODELS / "digits" / "request.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(body + "\n")


def train_digits(scans: Scans, labels: Labels) -> DigitsNet:
    """Trained in double precision and rounded, so that processors whose sums differ in the last
    bits give the same weights.
    """
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_default_dtype(torch.float64)
    net = DigitsNet()
    torch.set_default_dtype(torch.float32)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    inputs, targets = torch.from_numpy(scans).double(), torch.from_numpy(labels)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(inputs)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(inputs[rows]), targets[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        for weights in net.parameters():
            weights.copy_((weights * WEIGHT_STEPS).round() / WEIGHT_STEPS)
    return net.float().eval()


def accuracy(net: DigitsNet, scans: Scans, labels: Labels) -> float:
    with torch.inference_mode():
        found = net(torch.from_numpy(scans)).argmax(dim=1).numpy()
    return float((found == labels).mean())


def export_digits(net: DigitsNet, *, held_out_accuracy: float, count: int) -> None:
    example = torch.zeros(2, 1, 8, 8)
    program = torch.export.export(
        net, (example,), dynamic_shapes={"image": {0: torch.export.Dim("batch")}}
    )
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # as in the other formats: paths of this machine
    targets = {"digits": "model.onnx", "digits-torchscript": "model.pt", "digits-pt2": "model.pt2"}
    for name, file in targets.items():
        path = MODELS / name / "1" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if file == "model.onnx":
            _export_onnx(net, example, path)
        elif file == "model.pt":
            _export_torchscript(net, path)
        else:
            torch.export.save(program, path)
        text = CONFIG.format(
            name=name,
            tensors="" if file == "model.onnx" else TENSORS,
            accuracy=held_out_accuracy,
            count=count,
        )
        (MODELS / name / "config.yaml").write_text(text)
        print(f"{path.relative_to(MODELS)}: {path.stat().st_size} bytes")


def _export_torchscript(net: DigitsNet, path: Path) -> None:
    """Without the debug entries, which name files of the machine that exports."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
        torch.jit.save(torch.jit.script(net), buffer)
    buffer.seek(0)
    reader = torch._C.PyTorchFileReader(buffer)
    writer = torch._C.PyTorchFileWriter(str(path))
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and not name.startswith((".data/", "version")):
            content = reader.get_record(name)
            if name != "byteorder":
                writer.write_record(name, content, len(content))
    writer.write_end_of_file()


def _export_onnx(net: DigitsNet, example: torch.Tensor, path: Path) -> None:
    exported = torch.onnx.export(
        net,
        (example,),
        dynamo=True,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
        verbose=False,
    )
    assert exported is not None
    for node in exported.model.graph:  # stack traces name files of the machine that exports
        node.metadata_props.clear()
    exported.save(path, external_data=False)


def build_digits() -> None:
    scans, held_out, labels, held_out_labels = digits_scans()
    net = train_digits(scans, labels)
    reached = accuracy(net, held_out, held_out_labels)
    print(f"digits: accuracy {reached:.4f} on {len(held_out)} held-out scans")
    write_request(held_out, held_out_labels)
    export_digits(net, held_out_accuracy=reached, count=len(held_out))


BUILDERS = {"digits": build_digits}


def main(names: list[str]) -> None:
    if os.environ.get("PYTHONHASHSEED") != "0":  # TorchScript writes constants in a set's order
        os.execve(
            sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"}
        )
    unknown = sorted(set(names) - BUILDERS.keys())
    if unknown:
        raise SystemExit(f"unknown model {unknown[0]!r}, known: {', '.join(BUILDERS)}")
    for name in names or BUILDERS:
        BUILDERS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
