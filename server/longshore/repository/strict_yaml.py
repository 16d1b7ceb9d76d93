"""YAML as a configuration may use it: plain values, no tags, no anchors, no key given twice, and no
more of them than a person or a program writes for a model.

Anchors and aliases are refused because a few lines of them expand without bound; tags because
nothing in a configuration needs a type that its text does not show.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

MAX_DEPTH = 32
MAX_NODES = 50_000
"""Values, keys, maps and lists; one takes about 20 microseconds."""
_MAX_NUMBER = 100
"""Characters; PyYAML's work for `1:00:00:00` grows with their square."""
_MAX_DIRECTIVES = 2
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class StrictYamlError(ValueError):
    """Text that is not plain YAML; the message has the line."""


def load_strict_yaml(text: bytes) -> Any:
    """Parse one document into None, bool, int, float, str, list and dict.

    Raises:
        StrictYamlError: not YAML, several documents, or one of the things named above.
    """
    try:
        loader = _StrictLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise StrictYamlError(_describe(error)) from error
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, TypeError) as error:
        # The last four are what PyYAML lets through for scalars such as 0b_.
        raise StrictYamlError(" ".join(str(error).split())) from error


class _StrictLoader(yaml.SafeLoader):
    _depth = 0
    _nodes = 0
    _directives = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused("anchors and aliases (& and *) are not allowed", event.start_mark)
        if getattr(event, "tag", None):
            raise _refused(f"the tag {event.tag} is not allowed", event.start_mark)
        if self._depth >= MAX_DEPTH:
            raise _refused(f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _refused(f"more than {MAX_NODES} values", event.start_mark)
        self._depth += 1
        try:
            node = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        _check_number(node)
        return node

    def fetch_directive(self) -> None:
        self._directives += 1
        if self._directives > _MAX_DIRECTIVES:
            mark = self.get_mark()
            raise _refused(f"more than {_MAX_DIRECTIVES} directives (%)", mark)
        super().fetch_directive()

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refused("a key must be plain text", key_node.start_mark)
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise _refused("merge keys (<<) are not allowed", key_node.start_mark)
            if key_node.value in seen:
                raise _refused(f"the key '{key_node.value}' is given twice", key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


# A date has no meaning in a configuration: it stays the text that it is.
_StrictLoader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


def _check_number(node: yaml.Node | None) -> None:
    if not isinstance(node, yaml.ScalarNode) or node.tag not in _NUMBERS:
        return
    if len(node.value) > _MAX_NUMBER:
        raise _refused(f"a number of {len(node.value)} characters", node.start_mark)


def _refused(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _describe(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "not YAML"
    return problem if mark is None else f"line {mark.line + 1}: {problem}"
