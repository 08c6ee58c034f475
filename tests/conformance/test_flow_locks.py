"""Scripts that stand in flows are locked: on demand, and when a flow is deployed."""

import httpx

from tests.conformance.test_restart import ended

FLOW = {
    "modules": [
        {
            "id": "a",
            "value": {
                "type": "rawscript",
                "language": "python3",
                "content": "def main(n: float):\n    return n\n",
                "input_transforms": {"n": {"type": "static", "value": 1}},
            },
        },
        {
            "id": "loop",
            "value": {
                "type": "forloopflow",
                "iterator": {"type": "static", "value": [1]},
                "modules": [
                    {
                        "id": "each",
                        "value": {"type": "rawscript", "language": "bash", "content": "echo", "input_transforms": {}},
                    }
                ],
                "skip_failures": False,
            },
        },
        {"id": "last", "value": {"type": "identity"}},
    ]
}


def locks(value: dict[str, list[dict[str, dict[str, object]]]]) -> list[bool]:
    """Whether the scripts of `FLOW` have a lock."""
    first, loop, _ = value["modules"]
    inner = loop["value"]["modules"][0]["value"]  # type: ignore[index]
    return ["lock" in each for each in (first["value"], inner)]


def test_a_flow_is_locked_on_demand_as_it_was_written(http: httpx.Client) -> None:
    raw = httpx.Request("POST", "http://x", json={"path": "u/admin/x", "flow_value": FLOW}).read()
    raw = raw.replace(b'"value":1}', b'"value":1.10}')
    started = http.post("jobs/run/flow_dependencies_async", content=raw)
    assert started.status_code == 201, started.text
    job = ended(http, started.text)
    assert job["success"], job["result"]
    assert locks(job["result"]["updated_flow_value"]) == [True, True]
    assert b'"value":1.10' in http.get(f"jobs_u/completed/get_result/{job['id']}").content


def test_scripts_are_locked_wherever_they_stand(http: httpx.Client) -> None:
    def script(step_id: str) -> dict[str, object]:
        content = "def main(x=1):\n    return x\n"
        value = {"type": "rawscript", "language": "python3", "content": content, "input_transforms": {}}
        return {"id": step_id, "value": value}

    def inside(step_id: str, kind: str, **value: object) -> dict[str, object]:
        return {"id": step_id, "value": {"type": kind, **value}}

    deep = inside("deep", "whileloopflow", modules=[script("a")], skip_failures=False)
    chosen = [{"expr": "true", "modules": [deep]}, {"expr": "false", "modules": [script("b"), script("c")]}]
    modules = [
        inside("one", "branchone", branches=chosen, default=[script("d")]),
        inside("all", "branchall", branches=[{"modules": [script("e")]}, {"modules": []}]),
    ]
    value = {"modules": modules, "failure_module": script("failure"), "preprocessor_module": script("preprocessor")}
    value["preprocessor_module"]["value"]["content"] = "def preprocessor(event):\n    return event\n"  # type: ignore[index]
    body = {"path": "u/admin/x", "flow_value": value}
    job = ended(http, http.post("jobs/run/flow_dependencies_async", json=body).text)
    assert job["success"], job["result"]

    def unlocked(part: object) -> list[object]:
        if isinstance(part, list):
            return [each for one in part for each in unlocked(one)]
        if not isinstance(part, dict):
            return []
        if part.get("type") == "rawscript":
            return [] if "lock" in part else [part]
        return [each for one in part.values() for each in unlocked(one)]

    assert len(unlocked(value)) == 7
    assert unlocked(job["result"]["updated_flow_value"]) == []


def test_a_flow_is_locked_when_it_is_deployed(http: httpx.Client) -> None:
    path = "u/admin/locked"
    flow = {"path": path, "summary": "", "value": FLOW}
    assert http.post("flows/create", json=flow).status_code == 201
    (job,) = http.get("jobs/list", params={"job_kinds": "flowdependencies", "script_path_exact": path}).json()
    assert ended(http, job["id"])["success"]
    locked = http.get("flows/get/u/admin/locked").json()["value"]
    assert locks(locked) == [True, True]
    assert http.post("flows/update/u/admin/locked", json={**flow, "value": locked}).status_code == 200
    again = http.get("jobs/list", params={"job_kinds": "flowdependencies", "script_path_exact": path}).json()
    assert [each["id"] for each in again] == [job["id"]]


def test_what_cannot_be_locked_is_told_with_its_place(http: httpx.Client) -> None:
    broken = {"type": "rawscript", "language": "python3", "content": "def main(:", "input_transforms": {}}
    body = {"path": "u/admin/x", "flow_value": {"modules": [{"id": "a", "value": broken}]}}
    job = ended(http, http.post("jobs/run/flow_dependencies_async", json=body).text)
    assert not job["success"]
    assert "/modules/0 (step 'a')" in job["result"]["error"]["message"]


def waited(http: httpx.Client, path: str) -> dict[str, str]:
    """What is told of a deployment, once nothing more happens to it."""
    told: dict[str, str] = http.get(f"flows/deployment_status/p/{path}").json()
    if "job_id" in told:
        ended(http, told["job_id"])
    settled: dict[str, str] = http.get(f"flows/deployment_status/p/{path}").json()
    return settled


def test_a_deployment_tells_whether_its_scripts_are_locked(http: httpx.Client) -> None:
    path = "u/admin/told"
    broken = {"type": "rawscript", "language": "python3", "content": "def main(:", "input_transforms": {}}
    flow = {"path": path, "summary": "", "value": {"modules": [FLOW["modules"][0], {"id": "b", "value": broken}]}}
    assert http.post("flows/create", json=flow).status_code == 201
    told = waited(http, path)
    assert "/modules/1 (step 'b')" in told["lock_error_logs"]
    assert not ended(http, told["job_id"])["success"]
    assert http.post(f"flows/update/{path}", json={**flow, "value": FLOW}).status_code == 200
    assert waited(http, path) == {}
    query = {"type": "rawscript", "language": "postgresql", "content": "select 1", "input_transforms": {}}
    queries = {"modules": [{"id": "a", "value": query}]}
    assert http.post(f"flows/update/{path}", json={**flow, "value": queries}).status_code == 200
    assert http.get(f"flows/deployment_status/p/{path}").json() == {}


def test_locks_that_a_version_came_with_stay(http: httpx.Client) -> None:
    path = "u/admin/kept_locks"
    given = {"type": "rawscript", "language": "bash", "content": "echo", "input_transforms": {}, "lock": "# mine"}
    value = {"modules": [{"id": "a", "value": given}, FLOW["modules"][0] | {"id": "b"}]}  # type: ignore[operator]
    assert http.post("flows/create", json={"path": path, "summary": "", "value": value}).status_code == 201
    assert waited(http, path) == {}
    first, second = http.get(f"flows/get/{path}").json()["value"]["modules"]
    assert first["value"]["lock"] == "# mine"
    assert "lock" in second["value"]
