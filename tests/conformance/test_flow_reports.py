"""What is told of a flow as a whole: logs, results, single steps, running it again, sharing it."""

import httpx
import pytest

from tests.conformance.test_restart import ended


def says(step_id: str, text: str, **settings: object) -> dict[str, object]:
    """A step that writes a line into its log and gives it."""
    value = {"type": "rawscript", "language": "bash", "content": f"echo {text}\n", "input_transforms": {}}
    return {"id": step_id, "value": value, **settings}


FLOW = {
    "modules": [
        says("a", "alpha"),
        {
            "id": "loop",
            "value": {
                "type": "forloopflow",
                "iterator": {"type": "static", "value": [1, 2]},
                "modules": [says("each", "beta")],
                "skip_failures": False,
            },
        },
    ]
}


@pytest.fixture(scope="module")
def ran(http: httpx.Client) -> str:
    """The job of a run of `FLOW`."""
    flow = {"path": "u/admin/reported", "summary": "", "value": FLOW}
    assert http.post("flows/create", json=flow).status_code == 201
    job_id = http.post("jobs/run/f/u/admin/reported", json={"n": 1}).text
    assert ended(http, job_id)["success"]
    return job_id


def test_results_of_steps_are_found_by_their_ids(http: httpx.Client, ran: str) -> None:
    assert http.get(f"jobs/result_by_id/{ran}/a").json() == "alpha"
    assert http.get(f"jobs/result_by_id/{ran}/loop").json() == ["beta", "beta"]
    iteration = ended(http, ran)["flow_status"]["modules"][1]["flow_jobs"][0]
    assert http.get(f"jobs/result_by_id/{iteration}/each").json() == "beta"
    assert http.get(f"jobs/result_by_id/{iteration}/a").json() == "alpha"
    assert http.get(f"jobs/result_by_id/{ran}/nowhere").status_code == 404


def test_all_logs_are_told_in_the_order_of_the_run(http: httpx.Client, ran: str) -> None:
    text = http.get(f"jobs_u/get_flow_all_logs/{ran}").text
    places = [text.index(part) for part in ("===== a (", "alpha\n", "===== loop/each (", "beta\n")]
    assert places == sorted(places)
    entries = http.get(f"jobs_u/get_flow_all_logs_structured/{ran}").json()
    assert [(each["label"], each["depth"], "beta" in each["logs"]) for each in entries] == [
        ("u/admin/reported", 0, False), ("a", 1, False), ("loop (1 of 2)", 1, False), ("loop/each", 2, True),
        ("loop (2 of 2)", 1, False), ("loop/each", 2, True),
    ]  # fmt: skip


def test_all_results_are_a_timeline(http: httpx.Client, ran: str) -> None:
    entries = http.get(f"jobs_u/get_flow_all_results/{ran}", params={"max_result_len": 4}).json()["entries"]
    assert [(each["label"], each["status"], each["result_prefix"], each["result_length"]) for each in entries[:3]] == [
        ("u/admin/reported", "success", '["be', 15),
        ("a", "success", '"alp', 7),
        ("loop (1 of 2)", "success", '"bet', 6),
    ]
    assert all("started_at" in each and each["duration_ms"] >= 0 for each in entries)
    only = http.get(f"jobs_u/get_flow_all_results/{ran}", params={"step": "each"}).json()["entries"]
    assert [each["step_path"] for each in only] == ["loop/each", "loop/each"]
    none = http.get(f"jobs_u/get_flow_all_results/{ran}", params={"step": "nowhere"})
    assert none.json() == {"entries": []}
    assert http.get("jobs_u/get_flow_all_results/00000000-0000-0000-0000-000000000000").status_code == 404


def test_nothing_is_left_out_of_a_flow_of_many_jobs_and_long_logs(http: httpx.Client) -> None:
    """Rows are read a page at a time: with results of 100,000 characters there are 200 in one."""
    line = "x" * 99 + "é"
    loud = says("loud", f"&& for ((i = 0; i < 12000; i++)); do echo '{line}'; done && echo '\"end\"'")
    iterator = {"type": "javascript", "expr": "[...Array(250).keys()]"}
    many = {
        "type": "forloopflow",
        "parallel": True,
        "iterator": iterator,
        "modules": [{"id": "i", "value": {"type": "identity"}}],
    }
    flow = {"value": {"modules": [loud, {"id": "many", "value": many}]}, "args": {}}
    job = ended(http, http.post("jobs/run/preview_flow", json=flow).text)
    assert job["success"], job
    logs = http.get(f"jobs_u/get_flow_all_logs_structured/{job['id']}").json()
    (told,) = [each["logs"] for each in logs if each["label"] == "loud"]
    assert (told.count(line), '"end"' in told) == (12000, True)
    assert [(each["sibling_index"], each["sibling_count"]) for each in logs if each["label"].startswith("many (")] == [
        (number, 250) for number in range(1, 251)
    ]
    results = http.get(f"jobs_u/get_flow_all_results/{job['id']}", params={"max_result_len": 100_000}).json()["entries"]
    assert [each["job_id"] for each in results] == [each["job_id"] for each in logs]
    assert http.get(f"jobs_u/get_flow_all_logs/{job['id']}").text.count(line) == 12000


def test_flows_are_run_again_with_their_arguments(http: httpx.Client, ran: str) -> None:
    again = http.post("jobs/run/batch_rerun_jobs", json={"job_ids": [ran]})
    assert again.status_code == 200, again.text
    job = ended(http, again.text)
    assert (job["success"], job["args"], job["script_path"]) == (True, {"n": 1}, "u/admin/reported")
    changed = {"reported": {"input_transforms": {"n": {"type": "static", "value": 2}}, "use_latest_version": True}}
    options = {f"u/admin/{name}": each for name, each in changed.items()}
    again = http.post("jobs/run/batch_rerun_jobs", json={"job_ids": [ran], "flow_options_by_path": options})
    assert ended(http, again.text)["args"] == {"n": 2}
    preview = http.post("jobs/run/preview_flow", json={"value": FLOW, "args": {}}).text
    ended(http, preview)
    assert ended(http, http.post("jobs/run/batch_rerun_jobs", json={"job_ids": [preview]}).text)["success"]


def test_flows_are_shared(http: httpx.Client, ran: str) -> None:
    del ran
    place = "flow/u/admin/reported"
    assert http.post(f"acls/add/{place}", json={"owner": "g/all", "write": False}).status_code == 200
    assert http.get(f"acls/get/{place}").json() == {"g/all": False}
    assert http.post(f"acls/remove/{place}", json={"owner": "g/all"}).status_code == 200
    assert http.get(f"acls/get/{place}").json() == {}


def test_the_status_of_a_flow_tells_what_it_keeps(http: httpx.Client) -> None:
    content = "import wmill\ndef main():\n    wmill.set_flow_user_state('seen', {'n': 1})\n"
    value = {"type": "rawscript", "language": "python3", "content": content, "input_transforms": {}}
    flow = {"path": "u/admin/keeps_a_state", "summary": "", "value": {"modules": [{"id": "a", "value": value}]}}
    assert http.post("flows/create", json=flow).status_code == 201
    job = ended(http, http.post("jobs/run/f/u/admin/keeps_a_state", json={}).text)
    assert (job["success"], job["flow_status"]["user_states"]) == (True, {"seen": {"n": 1}}), job["result"]
