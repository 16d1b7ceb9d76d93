from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from longshore.settings.groups import Settings
from longshore.settings.table import option_table
from tests.contracts.chart_schema import SCHEMA, without_schema
from tests.contracts.chart_values import VALUES, described_values, undescribed
from tests.contracts.doctor_pages import PAGES, doctor_pages
from tests.contracts.document_tables import ARCHITECTURE, README, renewed

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "server/longshore"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
RENEWED = renewed()
"""What each document with made parts should be."""


@pytest.mark.parametrize("document", RENEWED, ids=lambda path: path.name)
def test_the_made_parts_of_a_document_say_what_the_code_says(document: Path):
    assert document.read_text(encoding="utf-8") == RENEWED[document], "run `make docs`"


def test_the_doctor_has_a_page_for_each_link_and_no_more():
    assert set(PAGES.glob("*.md")) == set(doctor_pages())


def test_every_value_of_the_chart_is_described():
    assert undescribed(VALUES.read_text(encoding="utf-8")) == []


def test_every_value_of_the_chart_is_in_its_schema():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    assert without_schema(schema, yaml.safe_load(VALUES.read_text(encoding="utf-8"))) == []


def test_every_value_of_the_chart_is_read_by_a_template():
    templates = "".join(
        path.read_text(encoding="utf-8")
        for path in (VALUES.parent / "templates").rglob("*")
        if path.is_file()
    )
    words = set(re.findall(r"\w+", templates))
    described = described_values(VALUES.read_text(encoding="utf-8"))

    assert [value.path for value in described if value.path.split(".")[-1] not in words] == []


@pytest.mark.parametrize("name", [row.name for row in option_table()])
def test_every_setting_is_used(name: str):
    """By its name, on one of the groups that `Settings` has."""
    groups = "|".join(Settings.__struct_fields__)
    sources = [path for path in SERVER.rglob("*.py") if path.parent.name != "settings"]
    used = re.compile(rf"\b(?:settings|{groups})\.{name}\b")

    assert any(used.search(path.read_text(encoding="utf-8")) for path in sources)


@pytest.mark.parametrize(
    "document",
    [README, CONTRIBUTING, ARCHITECTURE, ROOT / "tests/cluster/README.md"],
    ids=lambda path: path.name,
)
def test_every_make_target_that_a_document_names_exists(document: Path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"[`$] ?make ([a-z-]+)", document.read_text(encoding="utf-8")))

    assert named
    assert named - targets == set()


def test_every_setting_has_a_name_of_its_own():
    names = [row.name for row in option_table()]

    assert len(names) == len(set(names))


def test_the_default_ports_are_those_that_the_readme_uses():
    settings = Settings()

    assert settings.http.port == 8000
    assert settings.metrics.management_port == 8002
    readme = README.read_text(encoding="utf-8")
    assert "localhost:8000" in readme
    assert ":8002/metrics" in readme


def test_ci_runs_the_commands_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert "make check" in script
    assert "make test" in script
    assert ".ci/run" in CONTRIBUTING.read_text(encoding="utf-8")


def test_make_help_tells_of_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    command = ["make", "--no-print-directory", "help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert {line.split()[0] for line in told.stdout.splitlines()} == targets
