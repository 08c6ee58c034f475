"""Flows that run on one worker, with a directory that their steps share."""

import httpx

from tests.conformance.test_restart import ended


def bash(step_id: str, content: str, **settings: object) -> dict[str, object]:
    value = {"type": "rawscript", "language": "bash", "content": content, "input_transforms": {}}
    return {"id": step_id, "value": value, **settings}


def python(step_id: str, content: str) -> dict[str, object]:
    value = {"type": "rawscript", "language": "python3", "content": content, "input_transforms": {}}
    return {"id": step_id, "value": value}


def run(http: httpx.Client, modules: list[dict[str, object]], *, same_worker: bool = True) -> dict[str, object]:
    flow = {"modules": modules, "same_worker": same_worker}
    answer = http.post("jobs/run/preview_flow", json={"value": flow, "args": {}})
    assert answer.status_code == 201, answer.text
    return ended(http, answer.text)


def test_steps_share_a_directory_in_every_language_and_by_both_names(http: httpx.Client) -> None:
    job = run(
        http,
        [
            bash("a", "echo one > ./shared/a.txt"),
            python("b", "import wmill\ndef main():\n    wmill.set_shared_state({'n': open('shared/a.txt').read()})\n"),
            {
                "id": "loop",
                "value": {
                    "type": "forloopflow",
                    "iterator": {"type": "static", "value": [1, 2]},
                    "modules": [bash("each", 'echo "$WM_JOB_ID" >> /shared/jobs.txt')],
                    "parallel": True,
                },
            },
            bash("c", "cat /shared/state.json; wc -l < shared/jobs.txt"),
            python("d", "import wmill\ndef main():\n    return wmill.get_shared_state()\n"),
        ],
    )
    assert (job["success"], job["result"]) == (True, {"n": "one\n"}), job["result"]


def test_nothing_of_it_is_left_for_the_next_run(http: httpx.Client) -> None:
    step = bash("a", "ls -A /shared | wc -l; touch /shared/x")
    assert run(http, [step])["success"]
    counted = bash("a", "touch /shared/x; ls -A /shared | wc -l")
    assert run(http, [counted])["result"] == "1"


def test_other_flows_have_none(http: httpx.Client) -> None:
    job = run(http, [bash("a", "test ! -e /shared && test ! -e ./shared && echo none")], same_worker=False)
    assert job["result"] == "none"
