"""The map in `server/ARCHITECTURE.md`, the decisions, and the tree say the same."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import longshore
from tests.conftest import LONGEST
from tests.contracts.document_tables import ARCHITECTURE, DECISIONS, anchor, decisions
from tests.contracts.maps import folders, maps, modules

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "server"
TEXT = ARCHITECTURE.read_text(encoding="utf-8")
SERVER_MAP, ROOT_MAP = maps(ARCHITECTURE)[:2]
ROOMS = {path.parent.relative_to(SERVER) for path in SERVER.rglob("*.py")}
PACKAGES = {name.rstrip("/") for name in folders(SERVER / "longshore")}
TOP_LEVEL = PACKAGES | {name.removesuffix(".py") for name in modules(SERVER / "longshore")}
DOCUMENTS = [
    path
    for pattern in ("*.md", "[a-z]*/**/*.md")
    for path in sorted(ROOT.glob(pattern))
    if path.relative_to(ROOT).parts[0] != "build"
]
NUMBERS = Counter(number for path in DECISIONS.glob("*.md") for number in decisions(path))
LARGEST_MODULE_LINES = {"server": 350, "tests": 400, "loadtests": 400, "models": 400}


def places(pattern: str) -> list[str]:
    """What the texts that explain the code name in backticks, where it looks like `pattern`."""
    explaining = [ARCHITECTURE, *DECISIONS.glob("*.md"), ROOT / "CONTRIBUTING.md"]
    found = {
        name
        for path in explaining
        if path.exists()
        for name in re.findall(f"`({pattern})`", path.read_text(encoding="utf-8"))
    }
    return sorted(found)


def test_the_map_lists_every_package_and_every_module_at_the_top():
    tree = {f"server/{room}/" for room in ROOMS if room.parts}
    tree |= {f"server/longshore/{name}" for name in modules(SERVER / "longshore")}

    assert tree == SERVER_MAP


def test_the_test_files_that_are_begun_first_are_there():
    assert [name for name in LONGEST if not (ROOT / "tests" / name).exists()] == []


def test_the_map_lists_every_folder_around_the_server():
    tests = {f"tests/{name}" for name in folders(ROOT / "tests")}
    mirrors = {f"tests/{name}/" for name in PACKAGES}

    assert folders(ROOT) | (tests - mirrors) == ROOT_MAP


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
    [name for name in places(r"(?:\w+\.)+\w+") if name.split(".")[0] in TOP_LEVEL],
)
def test_every_name_in_the_code_that_a_text_mentions_is_there(name):
    found = longshore
    for part in name.split("."):
        if not hasattr(found, part):
            importlib.import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)


@pytest.mark.parametrize(
    "path", [path for path in places(r"[\w.-]+/[\w./-]*") if f"{path.split('/')[0]}/" in ROOT_MAP]
)
def test_every_path_that_a_text_mentions_is_there(path):
    assert (ROOT / path).exists()


def test_every_test_that_a_text_mentions_is_there():
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    names = [name for name in places(r"test_\w+") if f"def {name}(" not in tests]

    assert names == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path):
    lost = [
        f"{target}#{heading}"
        for target, heading in links(document)
        if not (document.parent / target).exists()
        or (heading and heading not in anchors(document.parent / target if target else document))
    ]

    assert lost == []


def test_every_decision_has_a_number_of_its_own():
    assert sorted(NUMBERS) == list(range(1, len(NUMBERS) + 1))
    assert set(NUMBERS.values()) == {1}


def test_every_decision_that_is_referred_to_exists():
    referred = {
        (str(path.relative_to(ROOT)), int(number))
        for folder in ("chart", "docs", "loadtests", "models", "server", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".md", ".py", ".tpl", ".yaml")
        for number in re.findall(r"\bdecisions? (\d+)\b", path.read_text(encoding="utf-8"))
    }

    assert [reference for reference in referred if reference[1] not in NUMBERS] == []


@pytest.mark.parametrize("folder", LARGEST_MODULE_LINES)
def test_no_module_has_grown_too_long(folder):
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / folder).rglob("*.py")
    }

    assert {path: n for path, n in lengths.items() if n > LARGEST_MODULE_LINES[folder]} == {}


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(ROOT))
        for path in SERVER.rglob("*.py")
        if path.stat().st_size and not path.read_text(encoding="utf-8").startswith('"""')
    ]

    assert silent == []


def links(document: Path) -> Iterator[tuple[str, str]]:
    """(path, anchor) of every link into the repository."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if ":" not in link:
            target, _, heading = link.partition("#")
            yield target, heading


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {anchor(heading) for heading in headings}
