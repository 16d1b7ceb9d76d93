"""The forms in which an example request is written."""

from __future__ import annotations

from collections.abc import Callable

from longshore.examples.curl import curl_command
from longshore.examples.k6 import k6_script
from longshore.examples.locust import locust_file
from longshore.examples.python import python_program
from longshore.examples.request import ExampleRequest
from longshore.examples.triton import triton_program

FORMS: dict[str, Callable[[ExampleRequest], str]] = {
    "curl": curl_command,
    "python": python_program,
    "tritonclient": triton_program,
    "k6": k6_script,
    "locust": locust_file,
}
"""By their names on the command line; each gives a text that ends with a line."""
