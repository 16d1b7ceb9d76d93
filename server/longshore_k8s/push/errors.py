"""Why a push ends: each is a sentence with what to do."""

from __future__ import annotations


class PushFailed(Exception):
    """Trying again changes nothing."""


class PushBroke(Exception):
    """The way to the pod broke, or the pod is gone: another try goes on from there."""
