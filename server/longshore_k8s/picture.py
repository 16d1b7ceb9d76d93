"""Where a picture is to be written, looked at before what it shows takes its time."""

from __future__ import annotations

from pathlib import Path

from longshore.errors import SettingsError

KINDS = (".png", ".svg", ".pdf")


def check_picture(path: Path) -> None:
    """Of `--plot`.

    Raises:
        SettingsError: it names no kind of picture, or no folder that there is.
        ModuleNotFoundError: matplotlib is not installed.
    """
    if path.suffix.lower() not in KINDS:
        raise SettingsError(f"--plot: {path} ends in none of {', '.join(KINDS)}")
    if not path.parent.is_dir():
        raise SettingsError(f"--plot: there is no folder {path.parent}")
    import matplotlib  # noqa: F401 - whether it is there
