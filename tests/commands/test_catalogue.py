from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from longshore import cli
from longshore.commands.catalogue import OWN, find_command

PLUGIN = """
from longshore.commands.command import Command, Purpose
{imports}

def run(options):
    {needs}
    print("berth", options.number)
    return 5

COMMAND = Command(
    Purpose.OPERATE,
    "find a berth",
    lambda parser: parser.add_argument("number", type=int),
    run,
)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution that brings the command `berth`, needing what `imports` imports, and
    for its run what `needs` does.
    """

    def install_distribution(imports: str = "", extra: str = "", needs: str = "") -> None:
        info = tmp_path / "harbour-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harbour\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[longshore.commands]\nberth = harbour_plugin:COMMAND {extra}\n"
        )
        (tmp_path / "harbour_plugin.py").write_text(PLUGIN.format(imports=imports, needs=needs))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "harbour_plugin", raising=False)

    return install_distribution


def test_a_command_of_another_package_runs_as_our_own_do(install, capsys):
    install()

    assert cli.main(["berth", "7"]) == 5
    assert capsys.readouterr().out == "berth 7\n"


def test_help_lists_commands_by_purpose(install, capsys):
    install()
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])

    text = capsys.readouterr().out
    assert ended.value.code == 0
    headings = ["serve a model:", "look at a model:", "operate:"]
    assert sorted(headings, key=text.index) == headings
    row = re.search(r"^  berth +find a berth$", text, re.MULTILINE)
    assert row is not None
    assert text.index("operate:") < row.start()


def test_a_command_whose_extra_is_missing_says_which_to_install(install, capsys):
    install(imports="import absent_library", extra="[docks]")

    assert cli.main(["berth", "7"]) == 2
    assert capsys.readouterr().err == (
        "longshore: berth needs the extra 'docks' (no module absent_library): "
        "pip install 'harbour[docks]'\n"
    )
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = r"not installed:\n  berth +berth needs the extra 'docks'"
    assert re.search(shown, capsys.readouterr().out)


def test_an_extra_that_is_missed_only_by_the_run_is_named_too(install, capsys):
    install(needs="import absent_library", extra="[docks]")

    assert cli.main(["berth", "7"]) == 2
    text = capsys.readouterr()
    assert "berth needs the extra 'docks' (no module absent_library)" in text.err
    assert text.out == ""


def test_a_missing_part_of_the_command_itself_is_not_taken_for_an_extra(install, capsys):
    install(imports="import harbour_plugin.part", extra="[docks]")

    assert cli.main(["berth", "7"]) == 2
    assert "berth cannot be imported: " in capsys.readouterr().err


def test_a_run_that_misses_a_module_without_an_extra_is_a_fault_of_the_command(install):
    install(needs="import absent_library")

    with pytest.raises(ModuleNotFoundError):
        cli.main(["berth", "7"])


@pytest.mark.parametrize("fault", ["1 / 0", "raise SystemExit(9)", "def", "import_me_not"])
def test_a_command_whose_module_is_broken_leaves_the_others_usable(install, capsys, fault):
    install(imports=fault)

    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "  inspect" in text
    assert "berth cannot be imported: " in text
    assert cli.main(["berth", "7"]) == 2


def test_no_other_package_replaces_a_command_of_our_own(install, tmp_path):
    install(imports="1 / 0")
    entry_points = tmp_path / "harbour-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[longshore.commands]\ninspect = harbour_plugin:COMMAND\n")

    command = find_command("inspect")
    assert command is not None
    assert command.run.__module__ == "longshore.commands.inspect"


@pytest.mark.parametrize("name", OWN)
def test_finding_a_command_of_our_own_reads_no_metadata_and_imports_nothing_heavy(name):
    program = (
        "import sys\n"
        "from longshore.commands.catalogue import find_command\n"
        f"find_command({name!r})\n"
        "print(*{'importlib.metadata', 'numpy', 'uvicorn', 'starlette'} & sys.modules.keys())"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert found.stdout.strip() == b""


def test_a_command_that_cannot_be_imported_is_named(install, capsys):
    install(imports="import absent_library")

    assert cli.main(["berth", "7"]) == 2
    assert "berth cannot be imported: No module named 'absent_library'" in capsys.readouterr().err


def test_an_unknown_command_is_compared_with_those_there_are(install, capsys):
    install()

    assert cli.main(["serv"]) == 2
    assert capsys.readouterr().err == (
        "longshore: 'serv' is no command; `longshore --help` lists them; did you mean 'serve'?\n"
    )
    assert cli.main(["qqq"]) == 2
    assert capsys.readouterr().err.endswith("lists them\n")


@pytest.mark.parametrize("arguments", [[], ["-x"]])
def test_no_command_is_a_mistake_in_use(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == 2
    assert "usage: longshore [-h] [--version] COMMAND ..." in capsys.readouterr().err


def test_every_module_of_a_command_is_in_the_catalogue():
    folder = Path(cli.__file__).parent / "commands"
    modules = {path.stem for path in folder.glob("*.py")}

    assert modules - {"__init__", "catalogue", "command"} == set(OWN)
