"""The server of the tests of the API, for those of its safety."""

from tests.api.conftest import api

__all__ = ["api"]
