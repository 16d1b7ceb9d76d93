"""An image file as a tensor, by Pillow (extra `image`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from longshore.client.fitting import with_shape
from longshore.errors import SettingsError
from longshore.examples.image_layout import image_layout
from longshore.tensors import Array, TensorSpec

try:
    from PIL import Image, UnidentifiedImageError
except ModuleNotFoundError as error:
    raise SettingsError(
        "an image needs the extra 'image' (no module PIL): pip install 'longshore[image]'"
    ) from error

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
BRIGHTEST = 255


def read_image(path: Path, spec: TensorSpec, source: str, pixels: tuple[float, float]) -> Array:
    """One image, resized to what the input takes. Pixels of a float are scaled to `pixels`, from
    black to white; integers are 0 to 255.

    Raises:
        SettingsError: no image, or an input that takes none.
    """
    layout = image_layout(spec)
    if layout is None:
        raise SettingsError(
            f"{source}: input '{spec.name}' of shape {list(spec.shape)} takes no image; allowed "
            "are [n, c, h, w], [n, h, w, c], [n, h, w], [c, h, w] and [h, w, c] with 1, 3 or 4 "
            "channels"
        )
    try:
        with Image.open(path) as opened:
            image = opened.convert(_MODES[layout.channels])
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise SettingsError(f"{source}: is no image: {error}") from error
    except OSError as error:
        raise SettingsError(f"{source}: {error.strerror or error}") from error
    width = image.width if layout.width == -1 else layout.width
    height = image.height if layout.height == -1 else layout.height
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    array = np.asarray(image).reshape(height, width, layout.channels)
    if layout.is_channels_first:
        array = array.transpose(2, 0, 1)
    return with_shape(_scaled(array, spec, pixels), _one(spec, layout.shape(height, width)), source)


def _scaled(array: Array, spec: TensorSpec, pixels: tuple[float, float]) -> Array:
    dtype = spec.datatype.numpy_dtype
    if dtype.kind != "f":
        return np.minimum(array, np.iinfo(dtype).max).astype(dtype)
    black, white = pixels
    return (array * ((white - black) / BRIGHTEST) + black).astype(dtype)


def _one(spec: TensorSpec, shape: tuple[int, ...]) -> TensorSpec:
    return TensorSpec(spec.name, spec.datatype, shape)
