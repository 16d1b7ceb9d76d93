from __future__ import annotations

import pytest

from longshore.examples.image_layout import image_layout
from longshore.tensors import Datatype, TensorSpec


@pytest.mark.parametrize(
    ("shape", "channels", "size", "is_channels_first"),
    [
        ((-1, 3, 224, 224), 3, (224, 224), True),
        ((-1, 224, 192, 3), 3, (224, 192), False),
        ((1, 1, 8, 8), 1, (8, 8), True),
        ((-1, 3, -1, -1), 3, (-1, -1), True),
        ((-1, 4, 8, 3), 3, (4, 8), False),
        ((-1, 4, 32, 32), 4, (32, 32), True),
        ((3, 10, 20), 3, (10, 20), True),
        ((10, 20, 3), 3, (10, 20), False),
        ((-1, 28, 28), 1, (28, 28), True),
        ((-1, 28, 3), 1, (28, 3), True),
        ((-1, -1, 3), 3, (-1, -1), False),
    ],
)
def test_the_layout_follows_from_the_shape(shape, channels, size, is_channels_first):
    layout = image_layout(TensorSpec("x", Datatype.FP32, shape))

    assert layout is not None
    assert layout.channels == channels
    assert (layout.height, layout.width) == size
    assert layout.is_channels_first == is_channels_first
    assert len(layout.shape(5, 6)) == len(shape)


@pytest.mark.parametrize(
    ("shape", "datatype"),
    [
        ((-1, 4), "FP32"),
        ((-1,), "FP32"),
        ((), "FP32"),
        ((-1, 5, 8, 8), "FP32"),
        ((8, 3, 8, 8), "FP32"),
        ((5, 8, 8), "FP32"),
        ((-1, 1, 3, 8, 8), "FP32"),
        ((-1, 3, 8, 8), "BYTES"),
        ((-1, 3, 8, 8), "BOOL"),
    ],
)
def test_other_inputs_take_no_image(shape, datatype):
    assert image_layout(TensorSpec("x", Datatype(datatype), shape)) is None
