from __future__ import annotations

import io
import struct
import zipfile

import pytest

from longshore.backends.pytorch import archive
from longshore.backends.pytorch.zip_directory import zip_directory_bytes
from longshore.errors import ModelLoadError
from tests.backends.conftest import Place, load

END = struct.Struct("<4s4H2LH")
FAR = 3 * 10**9


def zipped(names: list[str], comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for name in names:
            written.writestr(name, b"content")
        written.comment = comment
    return buffer.getvalue()


def in_the_large_form(content: bytes, size: int, *, gap: bytes = b"") -> bytes:
    """The archive with an end for large ones, which says that its list has `size` bytes."""
    end = content[-END.size :]
    at = len(content) - END.size
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    return content[:at] + large + gap + locator + end


def found(content: bytes) -> int:
    file = io.BytesIO(content)
    size = zip_directory_bytes(file)
    assert file.tell() == 0
    return size


@pytest.mark.parametrize("comment", [b"", b"a comment", b"PK\5\6 a comment"])
def test_the_size_is_that_of_the_list_that_zipfile_reads(comment):
    content = zipped(["a", "bb", "ccc"], comment)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as read:
            start, entries = read.start_dir, len(read.infolist())
    except zipfile.BadZipFile:
        assert found(content) == 0
    else:
        assert entries == 3
        assert found(content) == len(content) - len(comment) - END.size - start


@pytest.mark.parametrize("gap", [b"", b"more data of the end"])
def test_the_size_of_a_large_archive_counts_wherever_a_release_looks(gap):
    assert found(in_the_large_form(zipped(["a"]), FAR, gap=gap)) == FAR


def test_a_mark_within_the_end_hides_nothing():
    content = bytearray(zipped(["a"]))
    struct.pack_into("<LL", content, len(content) - 10, FAR, int.from_bytes(b"PK\5\6", "little"))

    assert found(bytes(content)) == FAR


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\5\6", bytes(100_000), b"PK\5\6" * 20_000])
def test_where_no_archive_ends_nothing_is_found(content):
    assert found(content) == 0 or content.startswith(b"PK\5\6" * 2)


@pytest.mark.parametrize("name", ["model.pt", "model.pt2"])
def test_an_archive_with_a_long_list_is_refused_before_the_list_is_read(
    place: Place, monkeypatch, name
):
    content = zipped([f"model/{number}" for number in range(100)])
    monkeypatch.setattr(archive, "MAX_DIRECTORY_BYTES", 1000)
    monkeypatch.setattr(archive.zipfile, "ZipFile", lambda file: pytest.fail("read"))
    with pytest.raises(ModelLoadError, match=rf"{name}: its list of entries has \d+ bytes"):
        load(place(content, name))


def test_a_large_document_is_refused_before_it_is_unpacked(place: Place, monkeypatch):
    monkeypatch.setattr(archive, "MAX_DOCUMENT_BYTES", 10)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        written.writestr("model/models/model.json", b"{}" * 10)

    with pytest.raises(ModelLoadError, match="has 20 bytes, allowed: 10"):
        load(place(buffer.getvalue(), "model.pt2"))
