"""The payments of docs/guides/exactly-once.md, as they stand there: killed at any point, each is booked once."""

import json
import re
import signal
import sysconfig
from pathlib import Path

import psycopg

from tests.reliability.harness import DETECTED_S, SLACK_S, SOAK, Chaosbox

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "exactly-once.md").read_text()
SCRIPTS = dict(re.findall(r"^### `(f/bank/\w+)`\n+^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL))
FLOW = json.loads(re.findall(r"^```json\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)[0])
PAYMENTS = [{"id": number, "cents": 100 + number} for number in range(1, 9 if SOAK else 3)]
WORKER_POINTS = ["run.after_exit:2", "advance.after_commit:3"]
if SOAK:
    WORKER_POINTS += [
        "claim.after_commit:2",
        "prepare.after_arguments:3",
        "run.after_start:2",
        "advance.before_commit:3",
    ]
SELF = """
import os, sys
sys.path.append({packages!r})
def _die(point):
    try:
        os.close(os.open(f"{mark}.{{point}}.{{os.environ['WM_FLOW_JOB_ID']}}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), 9)
"""


def killing_itself(content: str, mark: Path) -> tuple[str, int]:
    """The script, killed once a payment before each line of its transaction, and behind it; the number of points."""
    lines, points = [], 0
    for line in content.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if (len(indent) == 8 and line.strip() != ")") or line.startswith("    return"):
            lines.append(f"{indent}_die({points})")
            points += 1
        lines.append(line)
    head = SELF.format(packages=sysconfig.get_path("purelib"), mark=mark)
    return head + "\n".join(lines) + "\n", points


def deployed(box: Chaosbox) -> int:
    book, points = killing_itself(SCRIPTS["f/bank/book"], box.directory / "mark")
    quiet, _ = killing_itself(SCRIPTS["f/bank/compare"], box.directory / "mark")
    with box.client() as client:
        assert client.post("folders/create", json={"name": "bank"}).status_code == 201
    for path, content in (("f/bank/book", book), ("f/bank/compare", quiet)):
        box.deploy(path, content, language="python3", lock="")
    return points


def ledger_of(box: Chaosbox, name: str) -> str:
    """A schema with an empty ledger; how the scripts connect to it."""
    with psycopg.connect(box.dsn, autocommit=True) as connection:
        connection.execute(f"create schema {name}; create table {name}.ledger (payment int, cents int)".encode())
    return f"{box.dsn} options='-c search_path={name}'"


def test_each_payment_is_booked_once_wherever_something_is_killed(box: Chaosbox) -> None:
    box.start_server()
    points = deployed(box)
    assert points >= 5
    tags = {point: re.sub(r"\W", "_", point) for point in ["calm", *WORKER_POINTS]}
    flows = {
        tag: box.submit(
            "jobs/run/preview_flow",
            {"value": FLOW, "args": {"payments": PAYMENTS, "database": ledger_of(box, tag)}, "tag": tag},
        )
        for tag in tags.values()
    }
    dying = {
        point: box.start_worker(ready=False, TIDEMILL_WORKER_TAGS=tags[point], FAILPOINT=f"{point}:kill")
        for point in WORKER_POINTS
    }
    for point, worker in dying.items():
        assert worker.wait() == -signal.SIGKILL, (point, worker.log.read_text()[-2000:])
    box.start_worker(TIDEMILL_WORKER_TAGS=",".join(tags.values()))
    for tag, flow in flows.items():
        ended = box.ended(flow, DETECTED_S + SLACK_S + 60)
        expected = {"payments": len(PAYMENTS), "cents": sum(each["cents"] for each in PAYMENTS)}
        assert (ended["state"], json.loads(ended["result"])) == ("success", expected), tag
        with psycopg.connect(box.dsn) as connection:
            booked = connection.execute(f"select payment, cents from {tag}.ledger order by 1".encode()).fetchall()
        assert booked == [(each["id"], each["cents"]) for each in PAYMENTS], tag
    kills = len(list(box.directory.glob("mark.*")))
    assert kills >= points * len(PAYMENTS), "the scripts were killed at each point of each payment"
