"""A request of the form as `longshore example` would write it."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qs

from starlette.types import Receive, Scope

from longshore.errors import InvalidRequest
from longshore.examples.forms import FORMS
from longshore.examples.request import ExampleRequest, example_tensors
from longshore.execution.model import Model
from longshore.protocol.json_document import shown
from longshore.protocol.large_json import NumberList
from longshore.rest.body import BodyReader
from longshore.rest.request_head import read_head
from longshore.rest.wire import V2

OFFERED = ("curl", "python", "tritonclient")
BASE_URL = re.compile(r"https?://[\w.:\[\]~%/-]+")


async def example_texts(
    model: Model, scope: Scope, receive: Receive, body_reader: BodyReader, *, needs_token: bool
) -> dict[str, str]:
    """By form. The query's `base` is the URL by which the browser knows this server.

    Raises:
        LongshoreError: as an inference request with this body; InvalidRequest for another `base`.
    """
    base = parse_qs(scope["query_string"].decode("latin-1")).get("base", [""])[-1]
    if not BASE_URL.fullmatch(base):
        raise InvalidRequest(f"`base` must be the URL of a server, found {shown(base)}")
    head = read_head(scope["header_map"])
    body_reader.refuse_if_too_large(head)
    with body_reader.share() as share:
        body = await body_reader.read(scope, receive, head, share)
        request = await asyncio.to_thread(
            V2.json.decode, body, head, model.signature, NumberList.to_array
        )
    example = ExampleRequest(
        base.rstrip("/"),
        model.name,
        None,
        example_tensors(model.signature, request.inputs),
        needs_token=needs_token,
    )
    return {name: FORMS[name](example) for name in OFFERED}
