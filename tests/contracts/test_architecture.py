"""The map in `server/ARCHITECTURE.md` and the tree say the same."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import longshore

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "server"
TEXT = (SERVER / "ARCHITECTURE.md").read_text(encoding="utf-8")
MAP = TEXT.split("```")[1]
ROOMS = {
    module.name.rpartition(".")[2]
    for module in pkgutil.walk_packages(longshore.__path__, "longshore.")
    if module.ispkg
}
PACKAGES = {module.name for module in pkgutil.iter_modules(longshore.__path__) if module.ispkg}
MODULES = {module.name for module in pkgutil.iter_modules(longshore.__path__)} - PACKAGES
LARGEST_MODULE_LINES = 400


def test_every_room_and_module_stands_in_the_map_and_nothing_else():
    assert set(re.findall(r"\b(\w+)/ ", MAP)) - {"longshore_k8s"} == ROOMS
    assert set(re.findall(r"\b(\w+)\.py\b", MAP)) == MODULES


def test_the_order_of_imports_is_that_of_the_contract():
    chain = re.search(r"`(longshore_k8s > .*?)`", TEXT, re.DOTALL)
    assert chain is not None
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("layers = [")[1]
    layers = re.findall(r'"([^"]+)"', contract.split("]")[0])

    written = [re.findall(r"\w+", layer) for layer in chain[1].split(">")]
    wanted = [re.findall(r"\w+", layer.replace("longshore.", "")) for layer in layers]
    assert [set(layer) for layer in written] == [set(layer) for layer in wanted]


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in set(re.findall(r"`((?:\w+\.)+\w+)", TEXT))
        if name.split(".")[0] in PACKAGES | MODULES
    ),
)
def test_every_place_that_is_named_is_there(name):
    found = longshore
    for part in name.split("."):
        if not hasattr(found, part):
            importlib.import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)


def test_no_module_has_grown_too_long():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in (SERVER, ROOT / "tests", ROOT / "loadtests", ROOT / "models")
        for path in folder.rglob("*.py")
    }

    assert {path: n for path, n in lengths.items() if n > LARGEST_MODULE_LINES} == {}


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(ROOT))
        for path in SERVER.rglob("*.py")
        if path.stat().st_size and not path.read_text(encoding="utf-8").startswith('"""')
    ]

    assert silent == []
