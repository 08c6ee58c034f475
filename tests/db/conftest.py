"""Tests of our database run on the embedded server and on the machine's own."""

import pytest


@pytest.fixture(scope="session", params=["embedded", "system"])
def postgres_kind(request: pytest.FixtureRequest) -> str:
    """Both kinds, one after the other."""
    return str(request.param)
