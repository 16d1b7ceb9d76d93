from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from longshore.client.files import read_file
from longshore.errors import SettingsError
from longshore.tensors import Datatype, TensorSpec

Image = pytest.importorskip("PIL.Image", reason="needs Pillow (extra image)")


@pytest.fixture
def picture(tmp_path) -> Path:
    """Left half black, right half red; 8 wide, 4 high."""
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, 4:, 0] = 255
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    return path


def read(path: Path, datatype: str, shape: tuple[int, ...], pixels=(0.0, 1.0)) -> np.ndarray:
    return read_file(path, TensorSpec("x", Datatype(datatype), shape), "--input f", pixels)


def test_an_image_is_laid_out_and_resized_as_the_input_takes_it(picture):
    first = read(picture, "FP32", (-1, 3, 4, 8))
    last = read(picture, "FP32", (-1, 4, 8, 3))
    grey = read(picture, "UINT8", (-1, 2, 4))
    alone = read(picture, "UINT8", (3, -1, -1))

    assert first.shape == (1, 3, 4, 8)
    assert first[0, :, 0, 7].tolist() == [1, 0, 0]
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)
    assert grey.shape == (1, 2, 4)
    assert grey[0, 0, 0] == 0
    assert grey[0, 0, 3] == 76  # of red, by ITU-R 601-2
    assert alone.shape == (3, 4, 8)


def test_pixels_are_scaled_as_asked(picture):
    assert read(picture, "FP32", (-1, 3, 4, 8), (-1, 1))[0, :, 0, 7].tolist() == [1, -1, -1]
    assert read(picture, "FP16", (-1, 3, 4, 8), (0, 255)).max() == 255
    assert read(picture, "INT8", (-1, 3, 4, 8)).max() == 127


def test_a_broken_image_is_named(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"no image")

    with pytest.raises(SettingsError, match="--input f: is no image"):
        read(path, "FP32", (-1, 3, 4, 8))


def test_an_input_that_takes_no_image_says_what_does(picture):
    with pytest.raises(SettingsError, match=r"of shape \[-1, 7\] takes no image; allowed are"):
        read(picture, "FP32", (-1, 7))


def test_without_pillow_the_extra_is_named(picture, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "longshore.client.image_file", raising=False)

    with pytest.raises(SettingsError, match=r"pip install 'longshore\[image\]'"):
        read(picture, "FP32", (-1, 3, 4, 8))
