"""List and watch, against a server that breaks off, falls silent, refuses and forgets."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from longshore_k8s.controller import reflector as module
from longshore_k8s.controller.connection import Connection
from longshore_k8s.controller.endpoint import Endpoint
from longshore_k8s.controller.kinds import BY_NAME
from longshore_k8s.controller.reflector import Reflector
from longshore_k8s.controller.store import ResourceStore

Answer = tuple[int, dict[str, str], list[str]]
"""Status, headers, and the pieces of the body; a piece `...` is silence until the client goes."""
SECONDS = 10


class ApiServer:
    """Gives its answers in their order, and ends the reflector when it has no more."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]
        self.stopped = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
                outer.asked.append({**query, "accept": self.headers["Accept"]})
                if not outer.answers:
                    outer.stopped.set()
                    return self.send_error(503)
                status, headers, pieces = outer.answers.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in pieces:
                    if piece == "...":
                        self.connection.recv(1)  # until the client has closed it
                    else:
                        self.wfile.write(piece.encode())
                        self.wfile.flush()
                return None

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "_SILENT_SECONDS", 0.2)
    return


def item(name: str, version: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": str(version)}
    }


def listed(version: int, *items: dict[str, Any], rest: str = "", status: int = 200) -> Answer:
    metadata = {"resourceVersion": str(version), **({"continue": rest} if rest else {})}
    return status, {}, [json.dumps({"metadata": metadata, "items": items})]


def event(kind: str, document: dict[str, Any]) -> str:
    return json.dumps({"type": kind, "object": document}) + "\n"


def watched(*pieces: str) -> Answer:
    return 200, {}, list(pieces)


def follow(*answers: Answer) -> tuple[ResourceStore, list[str], list[dict[str, str]]]:
    """What is known in the end, whom each change concerned, and what was asked."""
    server, store, concerned = ApiServer(list(answers)), ResourceStore(), []  # type: ignore[var-annotated]
    endpoint = Endpoint(server.url, ssl.create_default_context(), lambda: "token", "n")
    reflector = Reflector(
        Connection(endpoint), BY_NAME["Service"], "n", store,
        selector="label", reads_whole=False, changed=lambda key: concerned.append(key[1]),
    )  # fmt: skip
    thread = threading.Thread(target=reflector.run, args=(server.stopped,))
    thread.start()
    thread.join(SECONDS)
    server.close()
    assert not thread.is_alive()
    assert reflector.is_listed.is_set()
    return store, concerned, server.asked


def names(store: ResourceStore) -> list[str]:
    return sorted(resource.name for resource in store.all())


def test_pages_are_listed_and_changes_followed_from_there():
    store, concerned, asked = follow(
        listed(5, item("a", 1), rest="more"),
        listed(6, item("b", 2)),
        watched(event("ADDED", item("c", 7)), event("DELETED", item("a", 8))),
    )

    assert names(store) == ["b", "c"]
    assert sorted(concerned[:2]) == ["a", "b"]
    assert concerned[2:] == ["c", "a"]
    assert asked[1]["continue"] == "more"
    assert (asked[2]["watch"], asked[2]["resourceVersion"]) == ("1", "6")
    assert {one["labelSelector"] for one in asked} == {"label"}
    assert all("as=PartialObjectMetadata" in one["accept"] for one in asked)


def test_a_watch_goes_on_from_the_last_bookmark():
    bookmark = {"metadata": {"resourceVersion": "90"}}
    _, concerned, asked = follow(listed(5), watched(event("BOOKMARK", bookmark)), watched())

    assert concerned == []
    assert [one.get("resourceVersion") for one in asked] == [None, "5", "90", "90"]


GONE = {"code": 410, "message": "too old resource version"}


@pytest.mark.parametrize(
    "end",
    [
        (410, {}, [json.dumps(GONE)]),
        watched(event("ERROR", GONE)),
        (429, {"Retry-After": "0"}, [json.dumps({"message": "too many"})]),
        (500, {}, ["no JSON"]),
        watched("...", ""),
        watched("<html>\n"),
        (200, {}, ["{}\n"]),
    ],
    ids=["410", "an event of 410", "429", "500", "silence", "no JSON", "no event"],
)
def test_after_any_break_what_happened_meanwhile_is_seen(end: Answer):
    store, concerned, _ = follow(
        listed(5, item("gone", 1), item("kept", 2)),
        end,
        listed(9, item("kept", 2), item("new", 8)),
        watched(event("MODIFIED", item("new", 10))),
    )

    assert names(store) == ["kept", "new"]
    assert set(concerned[2:-1]) >= {"gone", "new"}
    assert concerned[-1] == "new"


def test_a_watch_that_ends_within_a_line_is_taken_up_before_it():
    half = event("MODIFIED", item("b", 7))
    store, _, asked = follow(
        listed(5),
        watched(event("ADDED", item("b", 6)), half[:20]),
        watched(half),
    )

    assert store.get(("n", "b")).version == "7"
    assert [one.get("resourceVersion") for one in asked] == [None, "5", "6", "7"]


def test_an_answer_that_is_no_list_is_asked_for_again():
    store, _, _ = follow((200, {}, ["<html>"]), listed(5, item("a", 1)))

    assert names(store) == ["a"]
