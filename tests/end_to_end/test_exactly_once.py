"""What docs/guides/exactly-once.md has its readers try, as it stands there: only the database is elsewhere.

That its scripts may be killed anywhere is in tests/reliability/test_payments.py.
"""

import re
from pathlib import Path

import pytest

from tests.database_servers import Postgres
from tests.end_to_end.running import Tidemill, Workspace, as_told

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "exactly-once.md").read_text()
SCRIPTS = re.findall(r"^### `f/bank/(\w+)`\n+^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
(FLOW,) = re.findall(r"^```json\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
(TRY,) = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
(TABLE,) = re.findall(r"`(create table ledger .*?)`", GUIDE)


@pytest.fixture
def bank(postgres: Postgres, tmp_path: Path) -> Path:
    """A folder with the files that the guide asks for, beside a database with its table."""
    with postgres.connect() as connection:
        connection.execute("drop table if exists ledger, tidemill_done")
        connection.execute(TABLE)
    (tmp_path / "flow.json").write_text(FLOW)
    for name, content in SCRIPTS:
        (tmp_path / f"{name}.py").write_text(content)
    return tmp_path


def test_payments_are_booked_once_however_often_they_are_told(
    reaching: Workspace, tidemill_reaching: Tidemill, bank: Path, postgres: Postgres
) -> None:
    place = postgres.resource
    url = f"postgresql://{place['user']}:{place['password']}@{place['host']}:{place['port']}/{place['dbname']}"
    commands, found = re.subn("postgresql://bank@db.example.com/bank", url, TRY)
    assert found == 1
    first = as_told(tidemill_reaching, commands, bank)[-1]
    (post, *_), run = commands.splitlines(), commands[commands.index("post jobs/run/f/") :]
    again = as_told(tidemill_reaching, f"{post}\n{run}", bank)[-1]
    for job in (first, again):
        ended = reaching.ended(job)
        assert ended["result"] == {"payments": 2, "cents": 350}, ended["result"]
    with postgres.connect() as connection:
        booked = connection.execute("select payment, cents from ledger order by payment").fetchall()
        connection.execute("drop table ledger, tidemill_done")
    assert booked == [(1, 100), (2, 250)]
