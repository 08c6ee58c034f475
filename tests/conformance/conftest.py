"""One Tidemill for all tests of this folder."""

from collections.abc import Iterator

import httpx
import pytest

from tests.end_to_end.running import running

WAIT_S = 60.0


@pytest.fixture(scope="session")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Its API, below the workspace, called by its admin."""
    with running(tmp_path_factory.mktemp("conformance") / "data") as mill:
        headers = {"Authorization": f"Bearer {mill.token}"}
        with httpx.Client(base_url=f"{mill.api}/", headers=headers, timeout=WAIT_S) as client:
            yield client
