"""What a loaded model was seen to take, as an example for clients."""

from __future__ import annotations

from longshore.examples.request import MOST_ELEMENTS, inputs_of_shapes
from longshore.loading.loaded_model import LoadedModel
from longshore.loading.proof.recorded_samples import RecordedMaker
from longshore.loading.proof.sample_inputs import MaskedMaker, SampleMaker
from longshore.tensors import Signature, Tensors, element_count

Shapes = dict[str, tuple[int, ...]]


def sample_inputs(loaded: LoadedModel) -> Tensors:
    """One row that the model took at its load, where it is random and short; else one of the same
    shapes. Values that the owner of the model recorded are not shown to clients.
    """
    signature = loaded.signature
    maker = loaded.maker.maker if isinstance(loaded.maker, MaskedMaker) else loaded.maker
    if isinstance(maker, SampleMaker):
        shapes = {spec.name: maker.shape(spec, rows=1) for spec in signature.inputs}
        if all(element_count(shape) <= MOST_ELEMENTS for shape in shapes.values()):
            return maker.make(1, seed=0)
        return inputs_of_shapes(signature, shapes)
    if isinstance(maker, RecordedMaker):
        return inputs_of_shapes(signature, shapes_of(signature, maker.samples[0]))
    return inputs_of_shapes(signature, {})


def shapes_of(signature: Signature, inputs: Tensors) -> Shapes:
    return {spec.name: inputs[spec.name].shape for spec in signature.inputs}
