"""Models are loaded here as in the tests of loading."""

from tests.loading.conftest import load_identity

__all__ = ["load_identity"]
