"""Whether a node that fails would fail on any input: what it looks at does not follow from what the
model is fed.

onnxruntime names the node that failed. The file says what its operands are made from: two facts are
followed from the inputs of the graph through its nodes, whether the values of a tensor follow from
the values that are fed, and whether its sizes do. A node inside of a branch, a loop or a function,
or one that onnxruntime made itself, is not judged.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct, field

from longshore.backends.ort.protobuf import ProtobufReader

_FAILURE = re.compile(r"while running (\w+) node\. Name:'(.*?)' Status Message: (.*)", re.DOTALL)
_INDEX_AND_BOUNDS = re.compile(
    r"idx=-?\d+ must be within the inclusive range \[-?\d+,-?\d+\]"
    r"|within bounds \[-?\d+ ?, ?-?\d+\]\. Actual value is -?\d+"
)
_INDEXING = frozenset(
    ("Gather", "GatherElements", "GatherND", "Scatter", "ScatterElements", "ScatterND")
)
"""Their second operand are indices into the first; the values of no other operand are looked at."""
_SIZES_FOLLOW_SIZES = """
    Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Conv Cos Div
    Dropout Equal Erf Exp Flatten Floor Gelu Gemm GlobalAveragePool Greater GreaterOrEqual
    HardSigmoid HardSwish Identity InstanceNormalization IsNaN LayerNormalization LeakyRelu Less
    LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mod Mul Neg Not Or PRelu Pow Reciprocal
    Relu Round Selu Sigmoid Sign Sin Softmax Softplus Sqrt Sub Sum Tan Tanh Transpose Where Xor
"""
_BY_SIZES_ALONE = _INDEXING | frozenset(_SIZES_FOLLOW_SIZES.split())
"""Operators whose results have sizes that no value of an operand decides."""
_SIZES_FOLLOW_REST = """
    Expand Pad ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Reshape Slice
    Split Squeeze Tile Unsqueeze
"""
_BY_ALL_BUT_THE_FIRST = frozenset(_SIZES_FOLLOW_REST.split())
"""Those whose first operand's values do not, while those of the others may."""
_BRANCHING = frozenset(("If", "Loop", "Scan", "SequenceMap"))
_GRAPH, _FUNCTION = 7, 25
_NODE, _INITIALIZER, _INPUT = 1, 5, 11
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _OP_TYPE, _ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_GRAPHS = (6, 11)
_TENSOR_NAME, _VALUE_NAME = 8, 1


def fails_on_any_input(file: BinaryIO, message: str) -> bool:
    """Whether the failure that `message` tells, the same for inputs of other rows, sizes and
    values, does not follow from what the model in `file` is fed.
    """
    failure = _FAILURE.search(message)
    if failure is None:
        return False
    op_type, name, status = failure.groups()
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            graph = _read_graph(ProtobufReader(buffer))
    except ValueError:
        return False
    suspects = [node for node in graph.nodes if (node.op_type, node.name) == (op_type, name)]
    if not suspects or (graph.has_nested_nodes and not name):
        return False
    states_bounds = _INDEX_AND_BOUNDS.search(status) is not None
    fed = _Fed(graph)
    return all(fed.cannot_change(node, states_bounds=states_bounds) for node in suspects)


class _Node(Struct):
    name: str = ""
    op_type: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


class _Graph(Struct):
    nodes: list[_Node] = field(default_factory=list)
    inputs: set[str] = field(default_factory=set)
    has_nested_nodes: bool = False


class _Fed:
    """What follows from the inputs of a graph, by the names of its tensors."""

    def __init__(self, graph: _Graph) -> None:
        self._at_all = set(graph.inputs)
        self._values = set(graph.inputs)
        self._sizes_by_values: set[str] = set()
        for node in graph.nodes:
            self._follow(node)

    def cannot_change(self, node: _Node, *, states_bounds: bool) -> bool:
        """Whether nothing that `node` looks at follows from what is fed; where the failure states
        the bounds of the index, their being the same for all sizes says the same of the sizes.
        """
        if self._at_all.isdisjoint(node.inputs):
            return True
        if node.op_type not in _INDEXING or not states_bounds or len(node.inputs) < 2:
            return False
        data, indices = node.inputs[:2]
        return indices not in self._values and data not in self._sizes_by_values

    def _follow(self, node: _Node) -> None:
        """An operand of a node of a branch is one of the graph's that nobody lists: such a node is
        taken to follow in every way.
        """
        is_fed = not self._at_all.isdisjoint(node.inputs)
        by_values = not self._values.isdisjoint(node.inputs)
        sizes_by_values = not self._sizes_by_values.isdisjoint(node.inputs)
        if node.op_type in _BRANCHING:
            is_fed = by_values = sizes_by_values = True
        elif node.op_type in ("Shape", "Size"):
            by_values, sizes_by_values = sizes_by_values, False
        else:
            by_values = by_values or sizes_by_values
            sizes_by_values = sizes_by_values or self._decides_sizes(node)
        for facts, holds in (
            (self._at_all, is_fed),
            (self._values, by_values),
            (self._sizes_by_values, sizes_by_values),
        ):
            if holds:
                facts.update(node.outputs)

    def _decides_sizes(self, node: _Node) -> bool:
        """Whether sizes of what `node` gives may follow from values that are fed."""
        if node.op_type in _BY_SIZES_ALONE:
            return False
        first = 1 if node.op_type in _BY_ALL_BUT_THE_FIRST else 0
        return not self._values.isdisjoint(node.inputs[first:])


def _read_graph(reader: ProtobufReader) -> _Graph:
    graph = _Graph()
    initializers: set[str] = set()
    for number, first, last in reader.fields(0, len(reader.buffer)):
        if number == _FUNCTION:
            graph.has_nested_nodes = True
        if number != _GRAPH:
            continue
        for kind, start, end in reader.fields(first, last):
            if kind == _NODE:
                graph.nodes.append(_read_node(reader, start, end, graph))
            elif kind == _INITIALIZER:
                initializers |= set(_texts(reader, start, end, _TENSOR_NAME))
            elif kind == _INPUT:
                graph.inputs |= set(_texts(reader, start, end, _VALUE_NAME))
    graph.inputs -= initializers  # defaults that nobody feeds
    return graph


def _read_node(reader: ProtobufReader, start: int, end: int, graph: _Graph) -> _Node:
    node = _Node()
    for number, first, last in reader.fields(start, end):
        if number == _ATTRIBUTE:
            fields = reader.fields(first, last)
            has_graph = any(kind in _ATTRIBUTE_GRAPHS for kind, _, _ in fields)
            graph.has_nested_nodes = graph.has_nested_nodes or has_graph
            continue
        text = reader.buffer[first:last].decode(errors="replace")
        if number == _NODE_INPUT:  # an empty one is an operand that is left out
            node.inputs.append(text)
        elif number == _NODE_OUTPUT and text:
            node.outputs.append(text)
        elif number == _NODE_NAME:
            node.name = text
        elif number == _OP_TYPE:
            node.op_type = text
    return node


def _texts(reader: ProtobufReader, start: int, end: int, number: int) -> Iterator[str]:
    for found, first, last in reader.fields(start, end):
        if found == number:
            yield reader.buffer[first:last].decode(errors="replace")
