"""The published, generated client `windmill-api`: what `programs/windmill_api_calls.py` asks of it."""

import pytest

from tests.end_to_end.running import Tidemill, checks_of, expect_ok, outcomes_of, start_program

RELEASE = "windmill-api-1.850.0"
PROGRAM = "windmill_api_calls.py"


@pytest.fixture(scope="module")
def outcomes(tidemill: Tidemill) -> dict[str, str]:
    """How each check went."""
    return outcomes_of(start_program(PROGRAM, RELEASE, tidemill.environment(EMAIL=tidemill.email)))


@pytest.mark.parametrize("name", checks_of(PROGRAM))
def test_kind(outcomes: dict[str, str], name: str) -> None:
    expect_ok(outcomes[name])
