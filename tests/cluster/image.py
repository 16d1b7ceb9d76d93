"""The image that the release's pods run."""

from __future__ import annotations

from tests.cluster.node_agent.api import Json

IMAGE: Json = {"repository": "machine/longshore", "tag": "this-tree", "pullPolicy": "Never"}
