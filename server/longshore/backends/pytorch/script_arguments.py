"""From tensors by name to the arguments of a scripted `forward`, nested as its types say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

_PART = {"TupleType": "0", "ListType": "0", "DictType": "KEY"}
Build = Callable[[Mapping[str, Any]], Any]


class ScriptArguments:
    """What `names`, those of the inputs that the config declares, mean to `forward`.

    An input goes by its path (`x`, `pair.0`, `batch.ids`) or by the index of its argument, as
    Triton has it (`INPUT__0`). Arguments that nothing is declared for keep their defaults.
    """

    def __init__(self, module: Any, names: Iterable[str]) -> None:
        arguments = module.forward.schema.arguments[1:]
        self._sources = _paths(names, [argument.name for argument in arguments])
        self._unused = dict(self._sources)
        self.faults: list[str] = []
        """What stands against calling the module, each with what is allowed."""
        self._builds: list[tuple[str, Build]] = []
        for argument in arguments:
            self._add(argument)
        if self._unused:
            allowed = ", ".join(argument.name for argument in arguments)
            found = ", ".join(map(repr, self._unused.values()))
            self.faults.insert(0, f"found {found}, allowed: {allowed}")

    def build(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        return {name: build(tensors) for name, build in self._builds}

    def _add(self, argument: Any) -> None:
        build = self._builder(argument.name, argument.type)
        if build is not None:
            self._builds.append((argument.name, build))
        elif argument.type.kind() == "OptionalType" and not argument.has_default_value():
            self._builds.append((argument.name, lambda tensors: None))
        elif not argument.has_default_value():
            self.faults.append(_missing(argument))

    def _builder(self, path: str, type: Any) -> Build | None:
        """What makes the value of `type` at `path`; `None` where nothing is declared for it."""
        kind = type.kind()
        if kind == "OptionalType":
            return self._builder(path, type.getElementType())
        if kind == "TensorType":
            source = self._unused.pop(path, None)
            return None if source is None else itemgetter(source)
        if kind == "TupleType":
            return self._tuple(path, type)
        if kind == "ListType":
            return self._list(path, type)
        if kind == "DictType":
            return self._dict(path, type)
        return None

    def _tuple(self, path: str, type: Any) -> Build | None:
        elements = type.elements()
        parts = [self._builder(f"{path}.{i}", element) for i, element in enumerate(elements)]
        if all(part is None for part in parts):
            return None
        built = [part for part in parts if part is not None]
        if len(built) != len(parts):
            missing = f"{path}.{parts.index(None)}"
            self.faults.append(f"'{missing}' is missing, a part of {type.annotation_str}")
        return lambda tensors: tuple(part(tensors) for part in built)

    def _list(self, path: str, type: Any) -> Build | None:
        parts: list[Build] = []
        while (part := self._builder(f"{path}.{len(parts)}", type.getElementType())) is not None:
            parts.append(part)
        return (lambda tensors: [part(tensors) for part in parts]) if parts else None

    def _dict(self, path: str, type: Any) -> Build | None:
        prefix = f"{path}."
        value = type.getValueType()
        rest = [name.removeprefix(prefix) for name in self._unused if name.startswith(prefix)]
        is_flat = value.kind() == "TensorType"  # only then may a key have dots of its own
        keys = dict.fromkeys(key if is_flat else key.partition(".")[0] for key in rest)
        parts = {key: self._builder(prefix + key, value) for key in keys}
        built = [(key, part) for key, part in parts.items() if part is not None]
        return (lambda tensors: {key: part(tensors) for key, part in built}) if built else None


def _paths(names: Iterable[str], arguments: list[str]) -> dict[str, str]:
    """The declared names by the paths that they stand for."""
    paths: dict[str, str] = {}
    for name in names:
        path = _path(name, arguments)
        paths[name if path in paths else path] = name
    return paths


def _path(name: str, arguments: list[str]) -> str:
    stem, _, index = name.rpartition("__")
    if stem and index.isdecimal() and name.partition(".")[0] not in arguments:
        return arguments[int(index)] if int(index) < len(arguments) else name
    return name


def _missing(argument: Any) -> str:
    kind = argument.type.kind()
    if kind == "TensorType":
        return f"'{argument.name}' is missing"
    if kind in _PART:
        return (
            f"'{argument.name}' ({argument.type.annotation_str}) is missing; declare its parts, "
            f"as '{argument.name}.{_PART[kind]}'"
        )
    return (
        f"'{argument.name}' is {argument.type.annotation_str}, which no client can send; give it a "
        "default in `forward` and save the model again"
    )


def declarable(module: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths that a config has to declare, and those that it may leave out."""
    required: list[str] = []
    optional: list[str] = []
    for argument in module.forward.schema.arguments[1:]:
        may_miss = argument.has_default_value() or argument.type.kind() == "OptionalType"
        (optional if may_miss else required).extend(_parts(argument.name, argument.type))
    return tuple(required), tuple(optional)


def _parts(path: str, type: Any) -> list[str]:
    kind = type.kind()
    if kind == "OptionalType":
        return _parts(path, type.getElementType())
    if kind == "TensorType":
        return [path]
    if kind == "TupleType":
        elements = enumerate(type.elements())
        return [part for i, element in elements for part in _parts(f"{path}.{i}", element)]
    if kind == "ListType":
        return _parts(f"{path}.0", type.getElementType())
    if kind == "DictType":
        return _parts(f"{path}.KEY", type.getValueType())
    return []
