"""What a TorchScript or `.pt2` archive consists of, judged before torch opens it.

`torch.export.load` unpickles weights and constants that their configuration marks `use_pickle`, and
sample inputs after a failed careful attempt (torch/export/pt2_archive/_package.py,
torch/_export/serde/serialize.py). Pickles run code. So torch is given a copy, written anew from the
entries that are allowed here, without the sample inputs that every ordinary `.pt2` holds and
serving has no use for.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from longshore.backends.pytorch.program_document import check_program
from longshore.backends.pytorch.zip_directory import zip_directory_bytes
from longshore.errors import ModelLoadError
from longshore.progress import Progress
from longshore.repository.bounded_json import load_json

_PICKLE_START = b"\x80"
MAX_ENTRIES = 100_000
MAX_DIRECTORY_BYTES = 400 * MAX_ENTRIES
"""Of the list of entries, which `zipfile` reads whole before they can be counted."""
MAX_DOCUMENT_BYTES = 256 * 1024**2
"""Of a JSON document in it; that of a model of 7,000 million parameters has about 20 MB."""
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


_PROGRAM = "models/model.json"
_NEVER_LOADED = (
    "which is never loaded, because pickles run code; export the model with torch.export.save "
    "(model.pt2) or torch.jit.save (model.pt)"
)


class _Refused(ValueError):
    pass


def check_archive(file: BinaryIO, *, path: Path) -> None:
    """See that `file` is an archive with a list of entries that is not too long.

    Raises:
        ModelLoadError: names `path` and what is refused.
    """
    with _open_archive(file, path) as archive:
        _entries(archive)


def check_torchscript(file: BinaryIO, *, path: Path) -> None:
    """See that `file` is a TorchScript archive and holds nothing else.

    Raises:
        ModelLoadError: names `path` and what is refused.
    """
    with _open_archive(file, path) as archive:
        entries = _entries(archive)
        if not _is_torchscript(entries):
            raise _Refused(f"not an archive of torch.jit.save, but {_kind(entries)}")
        _check_names(entries, _TORCHSCRIPT_ENTRY)


def safe_pt2(file: BinaryIO, *, path: Path, progress: Progress | None = None) -> io.BytesIO:
    """A copy of the archive in memory in which nothing is pickled.

    Raises:
        ModelLoadError: names `path` and what is refused.
    """
    with _open_archive(file, path) as archive:
        entries = _entries(archive)
        if any(name.startswith("data/aotinductor/") for name in entries):
            raise _Refused("an AOTInductor package is native code, which is never loaded")
        if _PROGRAM not in entries:
            raise _Refused(f"not an archive of torch.export.save, but {_kind(entries)}")
        _check_names(entries, _PT2_ENTRY)
        check_program(_read_document(archive, entries[_PROGRAM]))
        for name, entry in entries.items():
            if _CONFIG.fullmatch(name):
                _check_payloads(_read_document(archive, entry), name)
        return _copy(archive, entries, path.name, progress or Progress())


def _read_document(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > MAX_DOCUMENT_BYTES:
        raise _Refused(
            f"entry {entry.filename!r} has {entry.file_size} bytes, allowed: {MAX_DOCUMENT_BYTES}"
        )
    return archive.read(entry)


def _is_torchscript(entries: Collection[str]) -> bool:
    return "constants.pkl" in entries and any(name.startswith("code/") for name in entries)


def _kind(entries: Collection[str]) -> str:
    """What else an archive is, and what its owner can do."""
    if _is_torchscript(entries):
        return "TorchScript; name it model.pt"
    if _PROGRAM in entries:
        return "an exported program; name it model.pt2"
    if "data.pkl" in entries:
        return f"a pickle of torch.save, {_NEVER_LOADED}"
    return f"another one: it has neither {_PROGRAM} nor code/"


def _copy(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], file: str, progress: Progress
) -> io.BytesIO:
    copy = io.BytesIO()
    total = sum(entry.file_size for entry in entries.values())
    with (
        zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as written,
        progress.within(f"copying {file}", total_bytes=total),
    ):
        for name, entry in entries.items():
            if name.startswith("extra/"):
                continue
            content = b"" if name == _SAMPLE_INPUTS else archive.read(entry)
            written.writestr(f"model/{name}", content)
            progress.advance(entry.file_size)
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
    for info in infos:
        if _UNSAFE_NAME.search(info.filename):
            raise _Refused(f"entry {info.filename!r} leads out of the archive")
    roots = Counter(info.filename.split("/", 1)[0] for info in infos).most_common(1)
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        root, _, name = info.filename.partition("/")
        if root != roots[0][0] or not name:
            raise _Refused(
                f"entry {info.filename!r} is outside of {roots[0][0]!r}, the one directory of the "
                "archive"
            )
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
    config: Any = load_json(content)
    payloads = config.get("config") if isinstance(config, dict) else None
    if not isinstance(payloads, dict):
        raise _Refused(f"entry {name!r} has no 'config'")
    for key, payload in payloads.items():
        if not isinstance(payload, dict) or payload.get("use_pickle") is not False:
            raise _Refused(f"entry {name!r}: {key!r} is pickled, which is never loaded")
        if not re.fullmatch(r"(weight|tensor)_\d+", str(payload.get("path_name"))):
            raise _Refused(f"entry {name!r}: {key!r} is not a plain tensor")


@contextmanager
def _open_archive(file: BinaryIO, path: Path) -> Iterator[zipfile.ZipFile]:
    """`file` as an archive; whatever is wrong with it as an error of the family."""
    start = file.read(1)
    file.seek(0)
    try:
        directory_bytes = zip_directory_bytes(file)
        if directory_bytes > MAX_DIRECTORY_BYTES:
            raise _Refused(
                f"its list of entries has {directory_bytes} bytes, allowed: {MAX_DIRECTORY_BYTES}"
            )
        with zipfile.ZipFile(file) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        reason = "not a zip archive as torch.jit.save and torch.export.save write it"
        if start == _PICKLE_START:
            raise ModelLoadError(f"{path}: {reason}, but a pickle, {_NEVER_LOADED}") from error
        raise ModelLoadError(f"{path}: {reason}: {error}") from error
    except (ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise ModelLoadError(f"{path}: {error}") from error
