"""Whether an input can hold an image, and how."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from longshore.tensors import Datatype, TensorSpec

CHANNELS = (3, 1, 4)
"""RGB, grey, RGB with alpha; the likeliest first, because a height may be one of them too."""


class ImageLayout(Struct, frozen=True):
    """Of one image; -1 for `height` and `width` is the image's own size."""

    channels: int
    height: int
    width: int
    is_channels_first: bool
    has_channel_axis: bool
    has_batch_axis: bool

    def to_document(self) -> dict[str, Any]:
        return asdict(self)

    def shape(self, height: int, width: int) -> tuple[int, ...]:
        """Of the tensor of one image of this size."""
        shape: tuple[int, ...] = (height, width)
        if self.has_channel_axis:
            channels = (self.channels,)
            shape = channels + shape if self.is_channels_first else shape + channels
        return (1, *shape) if self.has_batch_axis else shape


def image_layout(spec: TensorSpec) -> ImageLayout | None:
    """The layout by the shape alone: `[n, c, h, w]`, `[n, h, w, c]`, `[n, h, w]`, `[c, h, w]` or
    `[h, w, c]`, with 1, 3 or 4 channels; `None` where the input holds no image.
    """
    shape = spec.shape
    if spec.datatype in (Datatype.BYTES, Datatype.BOOL) or len(shape) not in (3, 4):
        return None
    if len(shape) == 4:
        return _with_channels(shape[1:], has_batch_axis=True) if shape[0] in (-1, 1) else None
    rows, height, width = shape
    if rows == -1 and height != -1:
        return ImageLayout(1, height, width, True, has_channel_axis=False, has_batch_axis=True)
    return _with_channels(shape, has_batch_axis=False)


def _with_channels(shape: tuple[int, ...], *, has_batch_axis: bool) -> ImageLayout | None:
    first, middle, last = shape
    for channels in CHANNELS:
        if channels == first:
            return ImageLayout(channels, middle, last, True, True, has_batch_axis)
        if channels == last:
            return ImageLayout(channels, first, middle, False, True, has_batch_axis)
    return None
