"""One real inference: a request of the smallest shape that the model's own metadata allows."""

import json
import os
import ssl
import urllib.request

URL, MODEL = os.environ["URL"], os.environ["MODEL"]
TOKENS = os.environ.get("TOKENS", "/etc/longshore/auth/tokens")
TLS = ssl._create_unverified_context()  # The certificate names hosts, not this Service.
OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}),  # A proxy in the environment leads out of the cluster.
    urllib.request.HTTPSHandler(context=TLS),
)


def authorization():
    """The header with the first of the tokens, where the release has some."""
    if not os.path.exists(TOKENS):
        return {}
    with open(TOKENS) as tokens:
        return {"Authorization": f"Bearer {tokens.readline().strip()}"}


def ask(path, body=None):
    request = urllib.request.Request(
        URL + path, body and json.dumps(body).encode(), authorization()
    )
    with OPENER.open(request, timeout=60) as answer:
        return json.load(answer)


def smallest(tensor):
    """A tensor of zeros, or of empty texts, with 1 for every dimension that is left open."""
    shape = [max(1, size) for size in tensor["shape"]]
    count = 1
    for size in shape:
        count *= size
    element = {"BYTES": "", "BOOL": False}.get(tensor["datatype"], 0)
    facts = {"name": tensor["name"], "datatype": tensor["datatype"]}
    return {**facts, "shape": shape, "data": [element] * count}


metadata = ask(f"/v2/models/{MODEL}")
answer = ask(f"/v2/models/{MODEL}/infer", {"inputs": [smallest(t) for t in metadata["inputs"]]})
assert answer["outputs"], answer
print({output["name"]: output["shape"] for output in answer["outputs"]})
