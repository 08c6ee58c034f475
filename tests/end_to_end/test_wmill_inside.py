"""Scripts that use `wmill` as jobs: what users write, deployed and run; the answer is what their callers see."""

import json

import pytest

from tests.end_to_end.running import Tidemill, Workspace

READS = """
import wmill

def main(resource: str, variable: str):
    print("starting", flush=True)
    database = wmill.get_resource(resource)
    secret = wmill.get_variable(variable)
    print(f"password is {secret}")
    print(f"user is {database['user']}")
    return {"user": database["user"], "same": database["password"] == secret, "length": len(secret)}
"""
COUNTS = """
import wmill

def main():
    state = wmill.get_state()
    print("had", state)
    count = 1 if state is None else state["count"] + 1
    wmill.set_state({"count": count})
    return count
"""
ENVIRONMENT = """
import os

def main():
    return dict(os.environ)
"""
OLD_CLIENT = """
# /// script
# dependencies = ["wmill==1.707.0"]
# ///
import importlib.metadata

import tidemill_client
import wmill

def main(resource: str, length: int):
    wmill.set_state({"by": "old"})
    read = len(wmill.get_resource(resource)["password"]) == length
    release = importlib.metadata.version("wmill")
    return [release, read, wmill.get_state(), tidemill_client.increment(resource + "_count")]
"""


@pytest.fixture
def secret(workspace: Workspace) -> tuple[str, str, str]:
    """A secret, a resource that refers to it, and its value."""
    variable, resource, value = workspace.path(), workspace.path(), 'p4ss"wörd\\+/ 1234'
    workspace.post("variables/create", {"path": variable, "value": value, "is_secret": True, "description": ""})
    described = {"user": "alice", "password": f"$var:{variable}"}
    workspace.post("resources/create", {"path": resource, "value": described, "resource_type": "any"})
    return resource, variable, value


def test_resource_and_secret_are_read_and_the_secret_is_masked_in_the_log(
    workspace: Workspace, secret: tuple[str, str, str]
) -> None:
    resource, variable, value = secret
    job = workspace.start(workspace.deploy(READS), {"resource": resource, "variable": variable})
    logs = workspace.follow(job)
    result = workspace.get(f"jobs_u/completed/get_result/{job}")
    assert result == {"user": "alice", "same": True, "length": len(value)}
    assert "starting\npassword is ******\nuser is alice\n" in logs
    assert value not in logs


def test_state_is_kept_from_run_to_run_and_apart_from_other_scripts(workspace: Workspace) -> None:
    one, other = workspace.deploy(COUNTS), workspace.deploy(COUNTS)
    assert [workspace.run(one) for _ in range(3)] == [1, 2, 3]
    assert workspace.run(other) == 1
    kept = workspace.get(f"resources/get/{one}/user")
    assert (kept["value"], kept["resource_type"]) == ({"count": 3}, "state")


def test_log_is_seen_while_the_job_runs(workspace: Workspace) -> None:
    waits = workspace.path()
    path = workspace.deploy(
        "import wmill\n\n"
        "def main(waits: str):\n"
        "    print('waiting now', flush=True)\n"
        "    while wmill.get_resource(waits, none_if_undefined=True) is None:\n"
        "        pass\n"
        "    return 'gone on'\n"
    )
    job = workspace.start(path, {"waits": waits})
    assert "waiting now\n" in workspace.follow(job, until="waiting now\n")
    assert workspace.get(f"jobs_u/get/{job}")["running"] is True
    workspace.post("resources/create", {"path": waits, "value": 1, "resource_type": "any"})
    assert workspace.ended(job)["result"] == "gone on"


def test_script_runs_another_and_waits_for_it(workspace: Workspace) -> None:
    inner = workspace.deploy("def main(x: int):\n    return x * 2\n")
    outer = workspace.deploy(
        "import wmill\n\n"
        "def main(inner: str):\n"
        "    return [wmill.run_script_by_path(inner, args={'x': x}) for x in range(3)]\n"
    )
    assert workspace.run(outer, {"inner": inner}) == [0, 2, 4]


def test_jobs_that_wait_for_others_do_not_block_them(workspace: Workspace) -> None:
    inner = workspace.deploy("def main(x: int):\n    return x\n")
    middle = workspace.deploy(
        "import wmill\n\ndef main(inner: str, x: int):\n    return wmill.run_script_by_path(inner, args={'x': x})\n"
    )
    jobs = [workspace.start(middle, {"inner": inner, "x": x}) for x in range(12)]  # more than a worker has slots
    assert [workspace.ended(job)["result"] for job in jobs] == list(range(12))


def test_job_started_by_a_job_knows_its_parent_and_its_root(workspace: Workspace) -> None:
    inner = workspace.deploy("import wmill\n\ndef main():\n    return wmill.get_root_job_id()\n")
    outer = workspace.deploy(
        "import wmill\n\n"
        "def main(inner: str):\n"
        "    child = wmill.run_script_by_path_async(inner)\n"
        "    return [child, wmill.Windmill().wait_job(child), wmill.get_root_job_id()]\n"
    )
    job = workspace.start(outer, {"inner": inner})
    child, root_of_child, root = workspace.ended(job)["result"]
    assert workspace.get(f"jobs_u/get/{child}")["parent_job"] == job
    assert root == job
    assert root_of_child in {job, child}


def test_progress_is_told_from_inside(workspace: Workspace) -> None:
    source = "import wmill\n\ndef main():\n    wmill.set_progress(42)\n    return wmill.get_progress()\n"
    job = workspace.start(workspace.deploy(source))
    assert workspace.ended(job)["result"] == 42
    assert workspace.get(f"job_metrics/get_progress/{job}") in {42, 100}


def test_result_stream_is_apart_from_the_log(workspace: Workspace) -> None:
    source = (
        "import wmill\n\n"
        "def main():\n"
        "    print('to the log')\n"
        "    wmill.append_to_result_stream('one\\ntwo')\n"
        "    wmill.stream_result(iter([' three', ' 🌊']))\n"
        "    return 'done'\n"
    )
    job = workspace.start(workspace.deploy(source))
    logs = workspace.follow(job)
    update = workspace.get(f"jobs_u/getupdate/{job}", log_offset=0, stream_offset=0)
    assert update["new_result_stream"] == "one\ntwo three 🌊"
    assert "to the log\n" in logs
    assert "WM_STREAM" not in logs


def test_environment_is_complete_and_has_nothing_of_the_worker(workspace: Workspace, tidemill: Tidemill) -> None:
    path = workspace.deploy(ENVIRONMENT)
    job = workspace.start(path)
    environment = workspace.ended(job)["result"]
    wanted = {
        "WM_WORKSPACE": tidemill.workspace,
        "WM_JOB_ID": job,
        "WM_JOB_PATH": path,
        "WM_EMAIL": tidemill.email,
        "WM_USERNAME": "admin",
        "WM_PERMISSIONED_AS": "u/admin",
        "WM_STATE_PATH": f"{path}/user",
        "WM_STATE_PATH_NEW": f"{path}/user",
        "WM_BASE_URL": tidemill.url,
        "WM_JOB_ATTEMPT": "1",
        "WM_END_USER_EMAIL": "",
        "WM_SCHEDULE_PATH": "",
    }
    assert {name: environment.get(name) for name in wanted} == wanted
    assert environment["BASE_INTERNAL_URL"].startswith("http://localhost:")
    assert environment["BASE_URL"] == environment["BASE_INTERNAL_URL"]
    assert environment["WM_OBJECT_PATH"].startswith(path.replace("/", "_"))
    assert environment["WM_RUNNABLE_ID"] == workspace.get(f"scripts/get/p/{path}")["hash"]
    assert {"WM_TOKEN", "WM_SCHEDULED_FOR", "WM_ROOT_JOB_ID", "WM_WORKER_GROUP"} <= environment.keys()
    assert not {"WM_FLOW_JOB_ID", "WM_ROOT_FLOW_JOB_ID", "WM_FLOW_STEP_ID"} & environment.keys()
    limits = {
        "TIDEMILL_MEMORY_BYTES",
        "TIDEMILL_DISK_BYTES",
        "TIDEMILL_MAX_RESULT_BYTES",
    }  # what the job itself may use
    assert {name for name in environment if name.startswith(("TIDEMILL_", "DATABASE_"))} == limits


def test_token_of_a_job_ends_with_it(workspace: Workspace, tidemill: Tidemill) -> None:
    source = (
        "import os\n\ndef main():\n    token = os.environ['WM_TOKEN']\n"
        "    return [token[i:i + 4] for i in range(0, len(token), 4)]\n"
    )
    token = "".join(workspace.run_source(source))
    assert token.startswith("jwt_")  # so that clients derive the credentials of the S3 endpoint from it
    assert token != tidemill.token
    answer = workspace.http.get("variables/list", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in {200, 401}  # it may live for a minute longer, for what the job left behind
    answer = workspace.http.post(
        f"{tidemill.url}/api/users/tokens/create", json={}, headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code in {401, 403}


def test_inline_preview_runs_from_inside(workspace: Workspace) -> None:
    source = (
        "import wmill\n\n"
        "def main():\n"
        "    code = 'def main(x: int):\\n    return {\"twice\": x * 2}'\n"
        "    return wmill.run_inline_script_preview(code, 'python3', {'x': 21})\n"
    )
    assert workspace.run_source(source) == {"twice": 42}


def test_script_that_brings_an_older_client_uses_it(workspace: Workspace, secret: tuple[str, str, str]) -> None:
    resource, _, value = secret
    workspace.post("resources/create", {"path": f"{resource}_count", "value": 6, "resource_type": "any"})
    result = workspace.run_source(OLD_CLIENT, {"resource": resource, "length": len(value)})
    assert result == ["1.707.0", True, {"by": "old"}, 7]


def test_secret_that_a_job_has_read_is_masked_in_its_result(workspace: Workspace, secret: tuple[str, str, str]) -> None:
    resource, _, _ = secret
    source = "import wmill\n\ndef main(resource: str):\n    return wmill.get_resource(resource)\n"
    assert workspace.run_source(source, {"resource": resource}) == {"user": "alice", "password": "******"}


def test_state_is_updated_by_many_jobs_at_once_without_losing_any(workspace: Workspace) -> None:
    source = (
        "import tidemill_client\n\n"
        "def main(by: int):\n"
        "    return tidemill_client.update_state(lambda state: {'sum': (state or {'sum': 0})['sum'] + by})\n"
    )
    path = workspace.deploy(source)
    jobs = [workspace.start(path, {"by": number}) for number in range(1, 9)]
    results = [workspace.ended(job) for job in jobs]
    assert all(job["success"] for job in results), [job["result"] for job in results]
    assert workspace.get(f"resources/get_value/{path}/user") == {"sum": 36}


def test_counter_is_incremented_by_many_jobs_at_once(workspace: Workspace) -> None:
    counter = workspace.path()
    path = workspace.deploy(
        "import tidemill_client\n\ndef main(path: str):\n    return tidemill_client.increment(path)\n"
    )
    jobs = [workspace.start(path, {"path": counter}) for _ in range(8)]
    assert sorted(workspace.ended(job)["result"] for job in jobs) == list(range(1, 9))


def test_lease_is_held_by_one_job_at_a_time(workspace: Workspace) -> None:
    source = (
        "import tidemill_client\n\n"
        "def main(path: str):\n"
        "    with tidemill_client.lease(path) as lease:\n"
        "        return lease.fence\n"
    )
    script, lease = workspace.deploy(source), workspace.path()
    jobs = [workspace.start(script, {"path": lease}) for _ in range(4)]
    fences = [workspace.ended(job)["result"] for job in jobs]
    assert len(set(fences)) == 4, json.dumps(fences)
