"""Published S3 clients on the S3 endpoint of `tidemill up`: each check as `programs/s3_clients.py` makes it."""

import pytest

from tests.end_to_end.running import Tidemill, checks_of, expect_ok, outcomes_of, start_program

PROGRAM = "s3_clients.py"


@pytest.fixture(scope="module")
def outcomes(tidemill: Tidemill, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """How each check went, by the place where the endpoint is: on a port of its own, and below the API."""
    places = {"port": tidemill.s3["endpoint"], "below the API": f"{tidemill.api}/s3_proxy"}
    home = str(tmp_path_factory.mktemp("home"))
    keys = {"S3_ACCESS_KEY": tidemill.s3["access_key"], "S3_SECRET_KEY": tidemill.s3["secret_key"], "HOME": home}
    started = {
        place: start_program(
            PROGRAM,
            "s3-clients",
            tidemill.environment(**keys, S3_ENDPOINT=endpoint, S3_BUCKET="_default_", AT=f"f/clients/{number}"),
        )
        for number, (place, endpoint) in enumerate(places.items())
    }
    return {place: outcomes_of(process) for place, process in started.items()}


@pytest.mark.parametrize("name", checks_of(PROGRAM))
@pytest.mark.parametrize("place", ["port", "below the API"])
def test_client(outcomes: dict[str, dict[str, str]], place: str, name: str) -> None:
    expect_ok(outcomes[place][name])
