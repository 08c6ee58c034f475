"""A worker may die anywhere in a workflow in code, and the workflow ends as if nothing had been."""

import json
import signal
from collections import Counter

from tests.reliability.harness import DETECTED_S, SLACK_S, SOAK, Chaosbox
from tidemill.model.failpoint import NAMES

POINTS = (
    [
        f"{name}:{nth}"
        for name in NAMES
        if name.startswith(("claim.", "prepare.", "run.", "advance.", "complete."))
        for nth in range(1, 3 if name.startswith("complete.") else 9)
    ]
    if SOAK
    else [
        *("claim.after_commit:2", "prepare.after_arguments:3", "run.after_start:2", "run.after_exit:1"),
        *("run.after_exit:4", "advance.before_commit:1", "advance.before_commit:2", "advance.after_commit:1"),
        *("advance.after_commit:4", "advance.before_commit:6", "complete.before_commit:1"),
    ]
)
WORKFLOW = """
import asyncio, json, os, time
from wmill import TaskError, sleep, step, task, workflow

def note(file, what):
    job, attempt = os.environ["WM_JOB_ID"], int(os.environ["WM_JOB_ATTEMPT"])
    line = {"job": job, "attempt": attempt, "what": what, "at": time.time()}
    with open(file, "a") as effects:
        effects.write(json.dumps(line) + "\\n")

@task
def square(n: int, file: str):
    note(file, "start")
    note(file, "end")
    return n * n

@task(retry={"attempts": 1})
def fails(file: str):
    note(file, "start")
    note(file, "end")
    raise KeyError("no luck")

@workflow
async def main(n: int, file: str):
    doubled = await step("double", lambda: 2 * n)
    first = await square(doubled, file)
    many = await asyncio.gather(*(square(each, file) for each in range(3)))
    await sleep(1)
    try:
        await fails(file)
    except TaskError as error:
        failed = error.step_key
    return [doubled, first, many, failed, await step("last", lambda: sum(many))]
"""
TASKS = ["square", "square_2", "square_3", "square_4", "fails", "fails#2"]


def test_a_workflow_ends_the_same_wherever_its_worker_dies(box: Chaosbox) -> None:
    box.start_server()
    box.deploy("u/ada/workflow", WORKFLOW, language="python3")
    args = {"n": 3, "file": str(box.effects_file)}
    tags = {point: point.replace(".", "_").replace(":", "-") for point in POINTS}
    jobs = {point: box.run("u/ada/workflow", args, tag=tag) for point, tag in tags.items()}
    calm = box.run("u/ada/workflow", args, tag="calm")
    dying = {
        point: box.start_worker(ready=False, TIDEMILL_WORKER_TAGS=tag, FAILPOINT=f"{point}:kill")
        for point, tag in tags.items()
    }
    for point, worker in dying.items():
        assert worker.wait() == -signal.SIGKILL, (point, worker.log.read_text()[-2000:])
    box.start_worker(TIDEMILL_WORKER_TAGS=",".join(["calm", *tags.values()]), TIDEMILL_WORKER_SLOTS="2")
    for point, job in {**jobs, "calm": calm}.items():
        row = box.ended(job, DETECTED_S + SLACK_S + 90)
        assert (row["state"], json.loads(row["result"])) == ("success", [6, 36, [0, 1, 4], "fails#2", 5]), point
        kept = box.rows("select key, child from workflow_step where job_id = %s and kind = 'task'", job)
        assert sorted(each["key"] for each in kept) == sorted(TASKS), point
        # Each task has one job: none was started twice, whatever was lost.
        below = box.rows("select id from job where parent_job = %s", job)
        assert {each["id"] for each in below} == {each["child"] for each in kept}, point
    starts = Counter(effect.job for effect in box.effects if effect.what == "start")
    attempts = {str(row["id"]): row["attempt"] for row in box.rows("select id, attempt from job_completed")}
    assert {job: count for job, count in starts.items() if count > attempts[job]} == {}
    lost = {str(row["job_id"]) for row in box.rows("select job_id from job_attempt where end_reason = 'worker_lost'")}
    assert {job for job, count in starts.items() if count > 1} <= lost


def test_a_workflow_that_must_not_start_twice_fails_with_its_worker(box: Chaosbox) -> None:
    box.start_server()
    box.deploy("u/ada/workflow", WORKFLOW, language="python3", on_worker_loss="fail")
    job = box.run("u/ada/workflow", {"n": 3, "file": str(box.effects_file)}, tag="once")
    worker = box.start_worker(ready=False, TIDEMILL_WORKER_TAGS="once", FAILPOINT="run.after_start:2:kill")
    assert worker.wait() == -signal.SIGKILL
    box.start_worker(TIDEMILL_WORKER_TAGS="once")
    row = box.ended(job, DETECTED_S + SLACK_S + 60)
    # the worker died with the first task: the workflow is told, as of any task that fails
    error = json.loads(row["result"])["error"]
    assert (row["state"], error["name"], error["extra"]["step_key"]) == ("failure", "TaskError", "square"), error
    assert error["extra"]["result"]["error"]["name"] == "WorkerLost"
