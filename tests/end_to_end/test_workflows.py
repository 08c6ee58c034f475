"""Workflows in code: scripts that use `workflow`, `task`, `step`, `sleep` and approvals of the published client."""

import json
from typing import Any

import httpx
import pytest

from tests.end_to_end.running import Workspace

SHAPES = """
import asyncio
import datetime
import os
import wmill
from wmill import TaskError, parallel, sleep, step, task, workflow

@task
async def double(x: int):
    print("doubling", x)
    return {"doubled": 2 * x, "job": os.environ["WM_JOB_ID"]}

@task()
def fails(x: int):
    raise ValueError(f"no {x}")

@workflow
async def main(items: list[int], word: str = "w"):
    began = await step("began", lambda: [os.getpid(), word])
    one = await double(items[0])
    many = await parallel(items, double, concurrency=2)
    both = await asyncio.gather(double(x=10), double(x=20))
    await sleep(1)
    try:
        await fails(7)
    except TaskError as error:
        failed = [str(error), error.step_key, error.result["error"]["name"]]
    try:
        await step("bad", lambda: 1 / 0)
    except TaskError as error:
        bad = [error.step_key, error.result["error"]["name"], error.child_job_id]
    again = await step("began", lambda: os.getpid())
    return {
        "began": began,
        "one": one["doubled"],
        "many": [each["doubled"] for each in many],
        "both": [each["doubled"] for each in both],
        "jobs": [one["job"], *(each["job"] for each in (*many, *both))],
        "failed": failed,
        "bad": bad,
        "again": again,
        "self": os.environ["WM_JOB_ID"],
    }
"""


def test_tasks_steps_and_sleeps_of_a_workflow(workspace: Workspace) -> None:
    path = workspace.deploy(SHAPES)
    job = workspace.ended(workspace.start(path, {"items": [1, 2, 3]}))
    result = job["result"]
    assert job["success"], result
    assert (result["one"], result["many"], result["both"]) == (2, [2, 4, 6], [20, 40])
    assert result["failed"] == ["no 7", "fails", "ValueError"]
    assert result["bad"] == ["bad", "ZeroDivisionError", None]
    assert result["began"][1] == "w"
    assert result["self"] == job["id"]
    assert len({job["id"], *result["jobs"]}) == 7


def test_the_tasks_of_a_workflow_are_jobs_below_it(workspace: Workspace) -> None:
    job = workspace.start(workspace.deploy(SHAPES), {"items": [1, 2]})
    log = workspace.follow(job)
    assert "--- WAC: double ---" in log
    assert "WM_WAC_STEP" not in log
    whole = workspace.get(f"jobs_u/get/{job}")
    told = whole["workflow_as_code_status"]
    tasks = {name: each for name, each in told.items() if not name.startswith("_step/")}
    assert [each["name"] for each in tasks.values()] == [
        "double",
        "double_2",
        "double_3",
        *sorted(["double_4", "double_5"]),
        "fails",
    ]
    assert {name for name in told if name.startswith("_step/")} == {
        f"_step/{name}" for name in ("began", "began_2", "sleep", "bad")
    }
    first = workspace.get(f"jobs_u/get/{next(iter(tasks))}")
    assert (first["parent_job"], first["root_job"], first["args"], first["is_flow_step"]) == (job, job, {"x": 1}, True)
    assert "doubling 1" in workspace.follow(first["id"])
    assert "doubling" not in workspace.follow(job)


SECRETS = """
import wmill
from wmill import step, task, task_script, workflow

@task
async def length(text: str):
    print("text is", text)
    return len(text)

@workflow
async def main(variable: str, script: str, by_reference: bool):
    secret = await step("read", lambda: wmill.get_variable(variable))
    print("secret is", secret)
    own = await length(secret)
    given = f"$var:{variable}" if by_reference else secret
    return [own, await task_script(script)(text=given)]
"""


def test_secrets_that_a_workflow_reads_are_kept_sealed_and_handed_on_by_reference(workspace: Workspace) -> None:
    variable, value = workspace.path(), "a secret of some length"
    workspace.post("variables/create", {"path": variable, "value": value, "is_secret": True, "description": ""})
    script = workspace.deploy("def main(text: str):\n    return len(text)\n")
    path = workspace.deploy(SECRETS)
    job = workspace.ended(workspace.start(path, {"variable": variable, "script": script, "by_reference": True}))
    assert job["result"] == [len(value), len(value)]
    tasks = workspace.get("jobs/list", parent_job=job["id"])
    assert len(tasks) == 2
    seen = json.dumps([workspace.get(f"jobs_u/get/{each['id']}") for each in tasks])
    assert value not in seen + "".join(workspace.follow(each["id"]) for each in [*tasks, job])
    refused = workspace.ended(workspace.start(path, {"variable": variable, "script": script, "by_reference": False}))
    assert not refused["success"]
    assert "hold a secret" in refused["result"]["error"]["message"]


TARGETS = """
from wmill import TaskError, task, task_flow, task_script, workflow

@task(path="{script}")
async def other(n: int): ...

@workflow
async def main():
    found = [await task_script("{script}")(n=1), await other(2), await task_flow("{flow}")(n=3)]
    try:
        await task_script("u/admin/is_not_there")(n=1)
    except TaskError as error:
        found.append(error.result["error"]["message"])
    return found
"""


def test_a_workflow_runs_other_scripts_and_flows(workspace: Workspace) -> None:
    script = workspace.deploy("def main(n: int):\n    return n + 100\n")
    inputs = {"n": {"type": "javascript", "expr": "flow_input.n"}}
    flow, value = workspace.path(), {"type": "script", "path": script, "input_transforms": inputs}
    body = {"path": flow, "summary": "", "value": {"modules": [{"id": "a", "value": value}]}, "schema": {}}
    workspace.post("flows/create", body)
    result = workspace.run_source(TARGETS.replace("{script}", script).replace("{flow}", flow))
    assert result == [101, 102, 103, "There is no script 'u/admin/is_not_there'."]


RETRIES = """
import wmill
from wmill import task, workflow

@task(retry={"attempts": 3, "delay": 1}, timeout=20, cache_ttl=60)
async def flaky():
    count = (wmill.get_state() or 0) + 1
    wmill.set_state(count)
    if count < 3:
        raise RuntimeError("not yet")
    return count

@workflow
async def main():
    return [await flaky(), await flaky()]
"""


def test_a_task_is_repeated_by_its_own_policy(workspace: Workspace) -> None:
    job = workspace.ended(workspace.start(workspace.deploy(RETRIES)))
    assert job["result"] == [3, 4]
    steps = [each["name"] for each in job["workflow_as_code_status"].values()]
    assert steps == ["flaky", "flaky#retry2", "flaky#2", "flaky#retry3", "flaky#3", "flaky_2"]


APPROVALS = """
import wmill
from wmill import step, wait_for_approval, workflow

@workflow
async def main(timeout: int = 600, self_approval: bool = True):
    urls = await step("urls", lambda: wmill.get_approval_urls("manager"))
    print("URLS", urls["resume"], urls["cancel"], flush=True)
    first = await wait_for_approval(
        key="manager", timeout=timeout, self_approval=self_approval, description="**Ship it?**",
        form={"properties": {"note": {"type": "string"}}},
    )
    second = await wait_for_approval()
    return [first, second]
"""


def suspended(workspace: Workspace, job: str) -> dict[str, Any]:
    """The job of a workflow, once it waits for an approval."""
    while True:
        found: dict[str, Any] = workspace.get(f"jobs_u/get/{job}")
        if found.get("suspend") or found["type"] == "CompletedJob":
            return found


def links(workspace: Workspace, job: str) -> tuple[str, str]:
    suspended(workspace, job)
    line = next(line for line in workspace.get_text(f"jobs_u/get_logs/{job}").splitlines() if line.startswith("URLS"))
    _, resume, cancel = line.split(" ")
    return resume, cancel


def test_approvals_by_their_own_links_and_by_members(workspace: Workspace) -> None:
    job = workspace.start(workspace.deploy(APPROVALS))
    resume, _ = links(workspace, job)
    info = workspace.get(f"jobs_u/flow/approval_info/{job}")
    assert (info["step_summary"], info["description"]) == ("manager", "**Ship it?**")
    assert info["form_schema"]["properties"]["note"]["type"] == "string"
    answer = httpx.post(resume, json={"note": "yes"})
    assert answer.status_code == 201, answer.text
    assert httpx.post(resume, json={}).status_code == 409
    while suspended(workspace, job)["workflow_as_code_status"].get("_step/approval") is None:
        pass
    workspace.post(f"jobs_u/flow/resume_suspended/{job}", {"payload": {"n": 1}, "approved": False})
    result = workspace.ended(job)["result"]
    assert result[0] == {"value": {"note": "yes"}, "approver": "anonymous", "approved": True}
    assert (result[1]["approved"], result[1]["value"]) == (False, {"n": 1})


def test_an_approval_that_nobody_answers_fails_the_workflow(workspace: Workspace) -> None:
    job = workspace.ended(workspace.start(workspace.deploy(APPROVALS), {"timeout": 1}))
    assert (job["success"], job["result"]["error"]["name"]) == (False, "ApprovalTimeout")


def test_whoever_started_a_workflow_may_be_shut_out_from_its_approval(workspace: Workspace) -> None:
    job = workspace.start(workspace.deploy(APPROVALS), {"self_approval": False})
    resume, _ = links(workspace, job)
    assert httpx.post(resume, json={}).status_code == 403
    answer = workspace.http.post(f"jobs_u/flow/resume_suspended/{job}", json={"payload": {}})
    assert answer.status_code == 403, answer.text
    workspace.post(f"jobs_u/queue/cancel/{job}", {"reason": "enough"})
    assert workspace.ended(job)["canceled"]


CHANGES = """
import random
from wmill import task, workflow

@task
async def one(): ...

@workflow
async def main(path: str):
    import os
    if os.environ["WM_JOB_ID"] == (path or os.environ["WM_JOB_ID"]):
        await one()
    return 1
"""


def test_a_workflow_that_is_not_the_same_again_is_told_so(workspace: Workspace) -> None:
    source = CHANGES.replace('(path or os.environ["WM_JOB_ID"])', 'os.environ.get("WM_ROOT_JOB_ID")')
    job = workspace.ended(workspace.start(workspace.deploy(source), {"path": ""}))
    assert not job["success"]
    assert "did not come to its task 'one' again" in job["result"]["error"]["message"]


ENDLESS = """
from wmill import sleep, task, workflow
import asyncio

@task
async def waits():
    print("waiting", flush=True)
    await asyncio.sleep(600)

@workflow
async def main():
    await asyncio.gather(waits(), waits())
"""


def test_a_cancel_reaches_the_tasks(workspace: Workspace) -> None:
    job = workspace.start(workspace.deploy(ENDLESS))
    while not (tasks := workspace.get("jobs/queue/list", parent_job=job, running=True)):
        pass
    workspace.follow(tasks[0]["id"], until="waiting")
    workspace.post(f"jobs_u/queue/cancel/{job}", {"reason": "enough"})
    assert workspace.ended(job)["canceled"]
    assert all(workspace.ended(each["id"])["canceled"] for each in tasks)


OLD = """
# /// script
# dependencies = ["wmill=={release}"]
# ///
import importlib.metadata
from wmill import task

@task()
def half(n: int):
    return n / 2

def main(n: int):
    return [importlib.metadata.version("wmill"), half(n), half(n=half(n + 2))]
"""


@pytest.mark.parametrize("release", ["1.583.1", "1.850.0"])
def test_tasks_of_a_script_that_is_no_workflow_are_jobs_that_it_waits_for(workspace: Workspace, release: str) -> None:
    job = workspace.ended(workspace.start(workspace.deploy(OLD.replace("{release}", release)), {"n": 6}))
    assert job["result"] == [release, 3, 2]
    tasks = workspace.get("jobs/list", parent_job=job["id"])
    assert sorted(each["args"]["n"] for each in tasks) == [4, 6, 8]


@pytest.mark.parametrize("release", ["1.707.0"])
def test_a_workflow_of_an_older_client(workspace: Workspace, release: str) -> None:
    head = f'# /// script\n# dependencies = ["wmill=={release}"]\n# ///\n'
    job = workspace.ended(
        workspace.start(
            workspace.deploy(
                head
                + SHAPES.replace('"bad", lambda: 1 / 0', '"bad", int').replace(
                    "    try:\n        await step", "    bad = 0\n    try:\n        await step"
                )
            ),
            {"items": [1, 2, 3]},
        )
    )
    assert job["success"], job["result"]
    assert job["result"]["many"] == [2, 4, 6]
    assert job["result"]["failed"] == ["no 7", "fails", "ValueError"]


def test_a_workflow_in_a_preview_and_as_a_step_of_a_flow(workspace: Workspace) -> None:
    body = {"language": "python3", "content": SHAPES, "args": {"items": [4]}}
    job = workspace.ended(workspace.post("jobs/run/preview", body))
    assert job["result"]["many"] == [8]
    inputs = {"items": {"type": "javascript", "expr": "[flow_input.n]"}}
    steps = [
        {
            "id": "a",
            "value": {"type": "rawscript", "language": "python3", "content": SHAPES, "input_transforms": inputs},
        },
        {
            "id": "b",
            "value": {
                "type": "rawscript",
                "language": "python3",
                "content": "def main(n):\n    return n + 1\n",
                "input_transforms": {"n": {"type": "javascript", "expr": "results.a.many[0]"}},
            },
        },
    ]
    job = workspace.ended(workspace.post("jobs/run/preview_flow", {"value": {"modules": steps}, "args": {"n": 5}}))
    assert job["result"] == 11


SIBLINGS = """
import asyncio
from wmill import TaskError, task, workflow

@task(concurrency_limit=1, concurrency_key="siblings", priority=10)
async def fails():
    raise ValueError("no")

@task(concurrency_limit=1, concurrency_key="siblings")
async def works():
    return "done"

@workflow
async def main():
    try:
        await asyncio.gather(fails(), works())
    except TaskError:
        return "caught"
"""


def test_a_task_does_not_see_what_became_of_those_started_with_it(workspace: Workspace) -> None:
    """It starts after the other has failed, and must still come to its own function."""
    job = workspace.ended(workspace.start(workspace.deploy(SIBLINGS)))
    assert job["result"] == "caught"
    told = {each["name"]: each["success"] for each in job["workflow_as_code_status"].values()}
    assert told == {"fails": False, "works": True}


KEPT = """
import asyncio
from wmill import step, task, workflow

@task
async def half(x: int):
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x // 2

async def tried(x: int):
    return await half(x)

@workflow
async def main():
    found = await asyncio.gather(tried(1), tried(2), tried(3), return_exceptions=True)
    told = [each if isinstance(each, int) else str(each) for each in found]
    return await step("told", lambda: told)
"""


def test_exceptions_that_are_kept_are_those_of_tasks(workspace: Workspace) -> None:
    """Nor does a task wait for those beside it, which a `gather` that keeps exceptions would have it do."""
    job = workspace.ended(workspace.start(workspace.deploy(KEPT)))
    assert (job["success"], job["result"]) == (True, ["1 is odd", 1, "3 is odd"])
