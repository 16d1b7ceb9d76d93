"""The map in tests/cluster/README.md and the tree say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.maps import folders, maps, modules

CLUSTER = Path(__file__).parents[1] / "cluster"
MAPS = maps(CLUSTER / "README.md")


def test_the_map_lists_every_module_and_folder():
    found = {f"tests/cluster/{name}" for name in modules(CLUSTER) | folders(CLUSTER)}

    assert found | {"tests/cluster/"} == MAPS[0]


@pytest.mark.parametrize("folder", sorted(folders(CLUSTER)))
def test_each_folder_has_a_map_of_its_modules(folder):
    found = {f"{folder}{name}" for name in modules(CLUSTER / folder)}

    assert found | {folder} in MAPS
