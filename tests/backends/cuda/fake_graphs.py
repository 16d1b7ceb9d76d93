"""Graphs of a model in numpy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class FakeGraphs:
    """Captures by remembering the model, or what the model gave: a graph that is frozen.

    The model takes `gain` times as long without a graph.
    """

    def __init__(
        self, model: Callable, *, freezes: bool = False, error: str = "", gain: float = 2.0
    ) -> None:
        self._model = model
        self._seconds = [1.0, gain]
        self._freezes = freezes
        self._error = error
        self.captured: list[int] = []

    def capture(self, inputs):
        if self._error:
            raise RuntimeError(self._error)
        self.captured.append(len(inputs["x"]))
        outputs = self._model(self.copy(inputs))
        return FakeGraph((lambda _: outputs) if self._freezes else self._model, inputs)

    def forward(self, inputs):
        return self._model(inputs)

    def copy(self, inputs):
        return {name: array.copy() for name, array in inputs.items()}

    def vary(self, inputs):
        return {name: array[::-1] / 2 for name, array in inputs.items()}

    def seconds(self, run):
        run()
        self._seconds.reverse()
        return self._seconds[0]

    def difference(self, found, wanted):
        same = all(np.array_equal(found[name], wanted[name]) for name in wanted)
        return None if same else "output 'y' differs"


class FakeGraph:
    def __init__(self, model: Callable, inputs) -> None:
        self._model = model
        self._static = {name: array.copy() for name, array in inputs.items()}

    def replay(self, inputs, *, rows):
        for name, static in self._static.items():
            static[:rows] = inputs[name]
        return {name: output[:rows].copy() for name, output in self._model(self._static).items()}
