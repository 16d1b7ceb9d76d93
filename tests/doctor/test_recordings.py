"""The rules over what two minors of Kubernetes answered when a link was broken on them.

Written by the scenarios of tests/cluster with `LONGSHORE_RECORD_DOCTOR=1`.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from longshore_k8s.api import Reply
from longshore_k8s.doctor.examination import examine
from longshore_k8s.doctor.links import LINKS
from longshore_k8s.doctor.objects import Objects
from longshore_k8s.doctor.prometheus import parse_service
from longshore_k8s.doctor.release import Release

FILES = sorted((Path(__file__).parent / "recordings").glob("kubernetes-*.jsonl.gz"))
FEWEST = 28
"""Of the links, in each minor."""


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


CASES = [
    pytest.param(recorded, id=f"{file.name.removesuffix('.jsonl.gz')} {recorded['code']}")
    for file in FILES
    for recorded in read(file)
]


class Replayed:
    """Answers as an API server did; what it was not asked then is not there."""

    def __init__(self, replies: dict[str, tuple[int, Any]]) -> None:
        self._replies = replies

    def get(self, path: str, **query: str) -> Reply:
        status, document = self._replies.get(f"{path}?{urlencode(query)}", (404, {}))
        return Reply(status, json.dumps(document).encode())


def first(recorded: dict[str, Any], replies: dict[str, tuple[int, Any]]) -> str:
    """The code of the first broken link."""
    named = parse_service(recorded["prometheus"])
    objects = Objects(Replayed(replies), recorded["namespace"], named)
    found = examine(Release.find(recorded["release"], objects), objects, LINKS)
    return found.broken[0][0].code if found.broken else ""


def test_two_minors_are_recorded_with_the_same_links():
    codes = [{one["code"] for one in read(file)} for file in FILES]

    assert len(FILES) == 2
    assert codes[0] == codes[1]
    assert len(codes[0]) >= FEWEST


@pytest.mark.parametrize("recorded", CASES)
def test_the_link_that_was_broken_is_the_first_that_is_named(recorded):
    assert first(recorded, recorded["replies"]) == recorded["code"]


@pytest.mark.parametrize("recorded", CASES)
def test_no_sentence_of_a_minor_is_looked_at(recorded):
    text = json.dumps(recorded["replies"])
    changed = re.sub(r'"message": "(?:[^"\\]|\\.)*"', '"message": "otherwise"', text)

    assert first(recorded, json.loads(changed)) == recorded["code"]
