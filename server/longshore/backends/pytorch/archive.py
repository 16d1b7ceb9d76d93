"""What a TorchScript or `.pt2` file consists of, judged before torch opens it.

`torch.export.load` unpickles weights and constants that their configuration marks `use_pickle`, and
sample inputs after a failed careful attempt (torch/export/pt2_archive/_package.py,
torch/_export/serde/serialize.py). Pickles run code. So torch is given a copy, written anew from the
entries that are allowed here, without the sample inputs that every ordinary `.pt2` holds and
serving has no use for.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from longshore.errors import ModelLoadError

MAX_ENTRIES = 100_000
MAX_EXPANSION = 20
_FREE_EXPANSION_BYTES = 64 * 1024**2
_UNSAFE_NAME = re.compile(r"^/|\\|\0|(^|/)\.\.(/|$)|^[A-Za-z]:")
_PT2_ENTRY = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/(version|serialization_id)"
    r"|models/model\.json"
    r"|data/(weights|constants)/model_(weights|constants|model_param|model_constants)_config\.json"
    r"|data/weights/weight_\d+|data/constants/tensor_\d+"
    r"|data/sample_inputs/model\.pt"
    r"|extra/.+"
)
_TORCHSCRIPT_ENTRY = re.compile(
    r"version|byteorder|\.data/(version|serialization_id)"
    r"|data\.pkl|constants\.pkl|(data|constants)/\d+"
    r"|code/.+\.py(\.debug_pkl)?|traced_inputs\.pkl|traced_inputs/\d+|extra/.+"
)
_SAMPLE_INPUTS = "data/sample_inputs/model.pt"
_CONFIG = re.compile(r"data/(weights|constants)/model_\w+_config\.json")


class _Refused(ValueError):
    pass


def check_torchscript(file: BinaryIO, *, path: Path) -> None:
    """See that `file` is a TorchScript archive and holds nothing else.

    Raises:
        ModelLoadError: names `path` and what is refused.
    """
    with _errors_of(path), zipfile.ZipFile(file) as archive:
        entries = _entries(archive)
        if "constants.pkl" not in entries or not any(name.startswith("code/") for name in entries):
            raise _Refused(
                "not TorchScript but a pickle of torch.save, which is never loaded; save the "
                "model with torch.jit.save or torch.export.save"
            )
        _check_names(entries, _TORCHSCRIPT_ENTRY)


def safe_pt2(file: BinaryIO, *, path: Path) -> io.BytesIO:
    """A copy of the archive in memory in which nothing is pickled.

    Raises:
        ModelLoadError: names `path` and what is refused.
    """
    with _errors_of(path), zipfile.ZipFile(file) as archive:
        entries = _entries(archive)
        if any(name.startswith("data/aotinductor/") for name in entries):
            raise _Refused("an AOTInductor package is native code, which is never loaded")
        if "models/model.json" not in entries:
            raise _Refused("not an archive of torch.export.save: it has no models/model.json")
        _check_names(entries, _PT2_ENTRY)
        for name, entry in entries.items():
            if _CONFIG.fullmatch(name):
                _check_payloads(archive.read(entry), name)
        return _copy(archive, entries)


def _copy(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> io.BytesIO:
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as written:
        for name, entry in entries.items():
            if name.startswith("extra/"):
                continue
            content = b"" if name == _SAMPLE_INPUTS else archive.read(entry)
            written.writestr(f"model/{name}", content)
    copy.seek(0)
    return copy


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The entries by name, without the directory that torch puts them all into."""
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES:
        raise _Refused(f"has {len(infos)} entries, allowed: {MAX_ENTRIES}")
    packed = sum(info.compress_size for info in infos)
    unpacked = sum(info.file_size for info in infos)
    if unpacked > MAX_EXPANSION * packed + _FREE_EXPANSION_BYTES:
        raise _Refused(f"{packed} bytes unpack to {unpacked}, a decompression bomb")
    roots = {info.filename.split("/", 1)[0] for info in infos}
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        if _UNSAFE_NAME.search(info.filename):
            raise _Refused(f"entry {info.filename!r} leads out of the archive")
        name = info.filename.partition("/")[2]
        if len(roots) != 1 or not name:
            raise _Refused(f"entry {info.filename!r} is outside the one directory of the archive")
        if name in entries:
            raise _Refused(f"entry {info.filename!r} is there twice")
        entries[name] = info
    # torch looks names up without regard to case.
    if len({name.lower() for name in entries}) != len(entries):
        raise _Refused("two entries differ in nothing but upper and lower case")
    return entries


def _check_names(entries: dict[str, zipfile.ZipInfo], allowed: re.Pattern[str]) -> None:
    for name in entries:
        if not allowed.fullmatch(name):
            raise _Refused(f"entry {name!r} is not one that such an archive may have")


def _check_payloads(content: bytes, name: str) -> None:
    config: Any = json.loads(content)
    payloads = config.get("config") if isinstance(config, dict) else None
    if not isinstance(payloads, dict):
        raise _Refused(f"entry {name!r} has no 'config'")
    for key, payload in payloads.items():
        if not isinstance(payload, dict) or payload.get("use_pickle") is not False:
            raise _Refused(f"entry {name!r}: {key!r} is pickled, which is never loaded")
        if not re.fullmatch(r"(weight|tensor)_\d+", str(payload.get("path_name"))):
            raise _Refused(f"entry {name!r}: {key!r} is not a plain tensor")


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except zipfile.BadZipFile as error:
        reason = "not a zip archive as torch.jit.save and torch.export.save write it"
        raise ModelLoadError(f"{path}: {reason}: {error}") from error
    except (ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise ModelLoadError(f"{path}: {error}") from error
