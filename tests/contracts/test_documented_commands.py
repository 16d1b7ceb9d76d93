"""Every command of every document is run somewhere, and is one that its program takes."""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path
from typing import Any

import helm_python
import pytest

from longshore.commands.catalogue import find_command
from tests.chart.engines import merged
from tests.contracts.documented_commands import (
    ROOT,
    WHERE,
    Row,
    documented,
    documents,
    where,
    words,
)

COMMANDS = list(documented())
BASE: dict[str, Any] = {
    "image": {"repository": "registry.example/longshore"},
    "model": {"existingClaim": "models"},
}
"""Of a release that is changed, or whose values are in a file of the reader's."""
KUBECTL = {
    "get": ("-n -l -o --raw --sort-by", "-w --watch -A"),
    "describe": ("-n -l", ""),
    "logs": ("-n", "--previous"),
    "port-forward": ("-n", ""),
    "wait": ("--for -n --timeout", ""),
    "apply": ("-f --field-manager -n", "--server-side"),
    "delete": ("-l -n --cascade", ""),
    "patch": ("-p --type -n", ""),
}
"""Options with a value, and without."""
KINDS = re.compile(
    r"(pods?|hpa|deploy(ment)?s?|events|replicasets|resourcequota|scaledobject|secret|lsm|"
    r"persistentvolumeclaims|longshoremodels?|service|deploy,svc,cm,sa,netpol,pdb,hpa,ingress,pvc)"
)


def calling(program: str) -> list[Any]:
    return [
        pytest.param(document, words(command), id=f"{document}: {command.text[:60]!r}")
        for document, command in COMMANDS
        if words(command)[0] == program
    ]


def test_every_command_is_run_by_a_test_or_says_where_and_why():
    lost = [
        f"{document}: {command.text}"
        for document, command in COMMANDS
        if where(document, command) is None
    ]

    assert lost == [], "give it a row in documented_commands.WHERE"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_block_of_commands_is_one_that_is_looked_at(path: Path):
    blocks = re.findall(r"^ *```(\w*)\n *(.*)", path.read_text(encoding="utf-8"), re.MULTILINE)
    first = [line for language, line in blocks if language == "console"]

    assert [line for line in first if not line.startswith("$ ")] == []
    assert {language for language, _ in blocks} & {"bash", "sh", "shell", "zsh"} == set()
    assert [line for language, line in blocks if not language and line.startswith("$ ")] == []


@pytest.mark.parametrize("row", WHERE, ids=lambda row: f"{row.document} {row.command}")
def test_a_row_counts_for_a_command_and_names_what_there_is(row: Row):
    assert any(where(*found) is row for found in COMMANDS), "no command needs this row"
    assert bool(row.test) != bool(row.rung)
    if row.test:
        text = (ROOT / row.test).read_text(encoding="utf-8")
        folder, _, name = row.document.rpartition("/")
        assert (folder if "*" in name else name) in text
    else:
        assert row.reason
        target = row.rung.removeprefix("make ")
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        is_target = re.search(rf"^{target}:", makefile, re.MULTILINE)
        assert is_target or (ROOT / row.rung).exists() or row.rung == "by hand"


@pytest.mark.parametrize(("document", "given"), calling("longshore"))
def test_a_command_of_ours_takes_what_is_written(document: str, given: list[str]):
    command = find_command(given[1])
    assert command is not None
    parser = argparse.ArgumentParser(prog=f"longshore {given[1]}")
    command.add_arguments(parser)

    parser.parse_args(given[2:])


@pytest.mark.parametrize(("document", "given"), calling("make"))
def test_a_target_is_there(document: str, given: list[str]):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    assert {word for word in given[1:] if "=" not in word} <= targets


@pytest.mark.parametrize(("document", "given"), calling("pip"))
def test_an_extra_is_there(document: str, given: list[str]):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = [found[1] for word in given if (found := re.fullmatch(r"(?:\.|longshore)\[(.*)\]", word))]

    assert given[1] == "install"
    assert {extra for text in own for extra in text.split(",")} <= set(
        project["optional-dependencies"]
    )


@pytest.mark.parametrize(("document", "given"), calling("helm"))
def test_what_is_installed_renders(document: str, given: list[str]):
    """A change, or a file of the reader's, over the values of a release; of other charts, their
    files.
    """
    if given[1] not in ("install", "upgrade"):
        assert given[1] in ("test", "repo", "get")
        return
    options = parsed_helm(given[2:])
    for file in options.files:
        assert Path(file).name in ("values.yaml", "capacity.yaml") or (ROOT / file).is_file()
    if not (ROOT / options.chart / "Chart.yaml").is_file():
        return

    values = helm_python.parse_set_string(",".join(options.set))
    is_upgrade = given[1] == "upgrade" and not options.install
    is_changed = is_upgrade or (options.files and "model" not in values)
    chart = helm_python.Chart.load(ROOT / options.chart)
    shown = chart.render(
        merged(BASE, values) if is_changed else values, name=options.name, namespace="shop"
    )
    assert any("kind: Deployment" in text for text in shown.values())


def parsed_helm(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="helm")
    parser.add_argument("name")
    parser.add_argument("chart")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("-f", "--values", dest="files", action="append", default=[])
    parser.add_argument("-n", "--namespace")
    parser.add_argument("--version")
    parser.add_argument("--timeout")
    parser.add_argument("-i", "--install", action="store_true")
    for flag in (
        "--create-namespace",
        "--take-ownership",
        "--force-conflicts",
        "--reset-then-reuse-values",
        "--wait",
    ):
        parser.add_argument(flag, action="store_true")
    return parser.parse_args(given)


@pytest.mark.parametrize(("document", "given"), calling("kubectl"))
def test_kubectl_is_given_a_verb_options_and_a_kind_that_it_has(document: str, given: list[str]):
    valued, flags = KUBECTL[given[1]]
    parser = argparse.ArgumentParser(prog=f"kubectl {given[1]}")
    parser.add_argument("what", nargs="*")
    for option in valued.split():
        parser.add_argument(option)
    for flag in flags.split():
        parser.add_argument(flag, action="store_true")

    options = parser.parse_intermixed_args(given[2:])

    if options.what:
        assert KINDS.fullmatch(options.what[0].partition("/")[0])
    else:
        assert given[1] == "apply" or options.raw
