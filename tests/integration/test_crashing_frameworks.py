"""TorchScript files that end or hold up torch itself, beside one that serves."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.served_process import TOLD_SECONDS, ServedProcess

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch:DeprecationWarning"),
    pytest.mark.timeout(TOLD_SECONDS + 60),
]

CONFIG = """\
input: [{name: x, data_type: TYPE_FP32, dims: [-1, 3]}]
output: [{name: y, data_type: TYPE_FP32, dims: [-1, 3]}]
"""
SETTINGS = {
    "version_settle_seconds": 0, "model_poll_seconds": 0.2, "trial_timeout_seconds": 50,
}  # fmt: skip
"""A tenth of the time of a trial without progress is a hang: more than torch's import on a busy
machine.
"""
NESTING = 200_000


class Good(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1.0


class Endless(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = 0
        while n >= 0:
            n = (n + 1) % 1000
        return x + n


class OutOfBounds(torch.nn.Module):
    """`unsafe` leaves out the look at the lengths."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        lengths = torch.full([1], 1 << 40, dtype=torch.int64)
        return torch.segment_reduce(x.reshape(-1), "sum", lengths=lengths, unsafe=True)


def save(module: torch.nn.Module, file: Path) -> None:
    torch.jit.script(module).save(str(file))


def save_nested(file: Path) -> None:
    """Torch's parser of the code in the file calls itself for each parenthesis."""
    save(Good(), file)
    with zipfile.ZipFile(file) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    nested = b"(" * NESTING + b"1." + b")" * NESTING
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            if name.endswith(".py"):
                content = content.replace(b"(x, 1.)", b"(x, " + nested + b")")
            if not name.endswith(".debug_pkl"):
                archive.writestr(name, content)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> ServedProcess:
    model = tmp_path_factory.mktemp("models") / "script"
    (model / "1").mkdir(parents=True)
    (model / "config.yaml").write_text(CONFIG)
    save(Good(), model / "1" / "model.pt")
    with ServedProcess(model, **SETTINGS) as server:
        server.model = model
        yield server


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (save_nested, "killed by signal 11 (SIGSEGV) while opening model.pt on cpu"),
        (
            lambda file: save(OutOfBounds(), file),
            "killed by signal 11 (SIGSEGV) while executing a batch of 1",
        ),
        (
            lambda file: save(Endless(), file),
            "no progress for 5 s while executing a batch of 1",
        ),
    ],
)
def test_a_file_that_crashes_or_holds_up_torch_is_refused_and_the_server_goes_on(
    server, write: Callable[[Path], None], reason: str
):
    version = 1 + len(list(server.model.glob("[0-9]*")))
    draft, pid = server.model / f".{version}", server.pid
    draft.mkdir()
    write(draft / "model.pt")
    draft.rename(server.model / str(version))

    server.wait_for_problem(f"version {version} is not served: {reason}")
    assert server.is_running
    assert server.pid == pid
    assert server.health()["versions"]["1"] == "READY"
