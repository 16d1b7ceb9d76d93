"""The CPU image, built once a session by `make image-cpu`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from longshore import __version__
from tests.cluster import image as cluster_image
from tests.cluster.node_agent.images import (
    Image,
    ImageNotPresent,
    ImageStore,
    remove_mounts,
)
from tests.cluster.node_agent.settings import NodeSettings

NAME = "localhost/longshore-cpu:image-tests"
GPU_NAME = f"localhost/longshore:{__version__}-gpu"
PROGRAMS = ("buildah", "runc", "make", "debootstrap")


@pytest.fixture(scope="session")
def built_image() -> str:
    """Its name in buildah's store."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing or os.geteuid():
        pytest.skip(f"needs root and: apt-get install {' '.join(PROGRAMS)}; missing: {missing}")
    cluster_image.build(NAME)
    return NAME


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageStore]:
    nowhere = dict.fromkeys(("pod_cidr", "kubeconfig", "certificate", "certificate_key"), "")
    settings = NodeSettings(
        name="images",
        cluster=f"images-{os.getpid()}",
        address="127.0.0.1",
        run_directory=str(tmp_path_factory.mktemp("run")),
        **nowhere,
    )
    store = ImageStore(settings)
    yield store
    remove_mounts(settings)


@pytest.fixture(scope="session")
def mounted_image(built_image: str, store: ImageStore) -> Image:
    """The CPU image's root and config, for containers."""
    return store.find(built_image)


@pytest.fixture(scope="session")
def gpu_image(store: ImageStore) -> Image:
    """The GPU image, where it has been built: that takes minutes and 20 GB."""
    try:
        return store.find(GPU_NAME)
    except ImageNotPresent:
        pytest.skip(f"needs {GPU_NAME}: make image-gpu")
