"""A step's result, what it wrote to its state, and what follows are there together, wherever something is killed."""

import json
import re
import signal
from pathlib import Path

from tests.reliability.harness import DETECTED_S, SLACK_S, SOAK, Chaosbox
from tidemill.model.failpoint import NAMES

ITERATIONS = 5 if SOAK else 3
POINTS = (
    [
        f"{name}:{nth}"
        for name in NAMES
        if name.startswith(("claim.", "prepare.", "run.", "advance."))
        for nth in range(1, 12)
    ]
    if SOAK
    else ["run.after_exit:2", "advance.before_commit:5", "advance.after_commit:5"]
)
COUNT = """
import os, signal
from tidemill_client import update_state

def main(path: str, mark: str):
    count = update_state(lambda seen: seen + 1, path, default=0)
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return count
    os.kill(os.getpid(), signal.SIGKILL)
"""
DISTURBED = """
import os
import httpx
from tidemill_client import update_state

def main(path: str, mark: str, token: str):
    count = update_state(lambda seen: seen + 1, path)
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return count
    url = f"{os.environ['BASE_INTERNAL_URL']}/api/w/{os.environ['WM_WORKSPACE']}/resources/update_value/{path}"
    headers = {"Authorization": f"Bearer {token}"}
    httpx.post(url, json={"value": 100}, headers=headers).raise_for_status()
    return count
"""


def script(content: str, **expressions: str) -> dict[str, object]:
    inputs = {name: {"type": "javascript", "expr": each} for name, each in expressions.items()}
    return {"type": "rawscript", "language": "python3", "content": content, "lock": "", "input_transforms": inputs}


def loop(name: str, *, parallel: bool) -> dict[str, object]:
    count = script(COUNT, path=f"flow_input.path + '_{name}'", mark=f"flow_input.mark + '.{name}'")
    return {
        "id": name,
        "value": {
            "type": "forloopflow",
            "parallel": parallel,
            "iterator": {"type": "javascript", "expr": f"Array.from({{length: {ITERATIONS}}}, (_, n) => n)"},
            "modules": [{"id": f"{name}_each", "value": count, "retry": {"constant": {"attempts": 2, "seconds": 0}}}],
        },
    }


def flow() -> dict[str, object]:
    inputs = {"path": "flow_input.path + '_row'", "mark": "flow_input.mark + '.disturbed'", "token": "flow_input.token"}
    disturbed = {
        "id": "disturbed",
        "value": script(DISTURBED, **inputs),
        "retry": {"constant": {"attempts": 1, "seconds": 0}},
    }
    results = script("def main(found): return found", found="[results.row, results.side, results.disturbed]")
    last = {"id": "last", "value": results}
    return {"modules": [loop("row", parallel=False), loop("side", parallel=True), disturbed, last]}


def test_each_step_counts_once_in_its_state_wherever_something_is_killed(box: Chaosbox) -> None:
    box.start_server()
    tags = {point: re.sub(r"\W", "_", point) for point in ["calm", *POINTS]}
    flows = {
        tag: box.submit(
            "jobs/run/preview_flow",
            {
                "value": flow(),
                "args": {"path": f"u/ada/{tag}", "mark": str(box.directory / f"mark.{tag}"), "token": box.token},
                "tag": tag,
            },
        )
        for tag in tags.values()
    }
    dying = {
        point: box.start_worker(ready=False, TIDEMILL_WORKER_TAGS=tags[point], FAILPOINT=f"{point}:kill")
        for point in POINTS
    }
    for point, worker in dying.items():
        assert worker.wait() == -signal.SIGKILL, (point, worker.log.read_text()[-2000:])
    box.start_worker(TIDEMILL_WORKER_TAGS=",".join(tags.values()))
    counted = list(range(1, ITERATIONS + 1))
    for tag, job in flows.items():
        ended = box.ended(job, DETECTED_S + SLACK_S + 60)
        assert ended["state"] == "success", (tag, ended["result"])
        row, side, disturbed = json.loads(ended["result"])
        assert (row, sorted(side), disturbed) == (counted, counted, 101), tag
        with box.client() as client:
            values = [client.get(f"resources/get_value/u/ada/{tag}_{name}").json() for name in ("row", "side")]
        assert values == [101, ITERATIONS], tag
    assert len(list(Path(box.directory).glob("mark.*"))) == 3 * len(flows)
    told = box.rows("select id from job_completed where result::text like '%%StateChanged%%' and status = 'failure'")
    assert len(told) >= len(flows)
