"""The guide docs/guides/watch-for-changes.md, as it stands: only the database is elsewhere, and it looks more often."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.database_servers import Postgres
from tests.end_to_end.running import WAIT_TIMEOUT_S, Tidemill, Workspace, as_told

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "watch-for-changes.md").read_text()
MADE, SCHEDULED = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
(SCRIPT,) = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
PLACE = re.compile(r'"host": "db\.example\.com".*?"sslmode": "prefer"')


@pytest.fixture
def shop(reaching: Workspace, tidemill_reaching: Tidemill, postgres: Postgres, tmp_path: Path) -> Iterator[Workspace]:
    """The workspace with all that the guide makes, and a table with nothing in it."""
    with postgres.connect() as connection:
        connection.execute("drop table if exists orders")
        connection.execute("create table orders (id bigint primary key, total numeric(12, 2))")
    place = json.dumps(postgres.resource)[1:-1]
    made, found = PLACE.subn(lambda _: place, MADE)
    assert found == 1
    assert SCHEDULED.count("*/30 * ") == 1
    as_told(tidemill_reaching, made, tmp_path)
    reaching.deploy(SCRIPT, "f/shop/watch_orders")
    as_told(tidemill_reaching, MADE.partition("\n")[0] + "\n" + SCHEDULED.replace("*/30 * ", "* * "), tmp_path)
    yield reaching
    reaching.http.delete("schedules/delete/f/shop/watch_orders")
    with postgres.connect() as connection:
        connection.execute("drop table orders")


def results(shop: Workspace, count: int) -> list[Any]:
    """What the flows for so many rows gave, in no order."""
    query = {"script_path_exact": "f/shop/handle_order", "job_kinds": "flow", "success": "true"}
    ends_at = time.monotonic() + WAIT_TIMEOUT_S
    while len(jobs := shop.get("jobs/completed/list", **query)) < count:
        assert time.monotonic() < ends_at, shop.get("schedules/occurrences/f/shop/watch_orders", per_page=3)
    return sorted(shop.get(f"jobs_u/completed/get_result/{job['id']}") for job in jobs)


def test_each_row_is_handed_to_a_flow_once(shop: Workspace, postgres: Postgres) -> None:
    with postgres.connect() as connection:
        connection.execute("insert into orders values (1, 12.5), (2, 0.1), (3, 3)")
    first = ["order 1 of 12.50", "order 2 of 0.10", "order 3 of 3.00"]
    assert results(shop, 3) == first
    with postgres.connect() as connection:
        connection.execute("insert into orders values (4, 4), (5, 5)")
    assert results(shop, 5) == [*first, "order 4 of 4.00", "order 5 of 5.00"]
    before = len(shop.get("schedules/occurrences/f/shop/watch_orders"))
    ends_at = time.monotonic() + WAIT_TIMEOUT_S
    while len(shop.get("schedules/occurrences/f/shop/watch_orders")) < before + 3:
        assert time.monotonic() < ends_at
    assert len(results(shop, 5)) == 5
