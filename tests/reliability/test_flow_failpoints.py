"""A12 for flows: a worker may die anywhere in a flow of all shapes, and the flow ends as if nothing had been."""

import json
import signal
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.reliability.harness import DETECTED_S, SLACK_S, SOAK, Chaosbox
from tidemill.model.failpoint import NAMES

ITERATIONS = 50 if SOAK else 6
POINTS = (
    [
        f"{name}:{nth}"
        for name in NAMES
        if name.startswith(("claim.", "prepare.", "run.", "advance."))
        for nth in range(1, 16)
    ]
    if SOAK
    else [
        *("claim.after_commit:1", "prepare.after_arguments:3", "run.after_start:5", "run.after_exit:4"),
        *("advance.before_commit:1", "advance.before_commit:7", "advance.after_commit:1", "advance.after_commit:12"),
    ]
)
NOTE = """
file="$1"
text="$2"
form='{"job":"%s","attempt":%s,"what":"%s","at":%s}\\n'
printf "$form" "$WM_JOB_ID" "$WM_JOB_ATTEMPT" start "$EPOCHREALTIME" >> "$file"
printf "$form" "$WM_JOB_ID" "$WM_JOB_ATTEMPT" end "$EPOCHREALTIME" >> "$file"
"""


def step(step_id: str, text: str, more: str = 'echo "$text"', **settings: object) -> dict[str, object]:
    """A step that notes that it ran, and gives the text that the expression `text` gives."""
    inputs = {
        name: {"type": "javascript", "expr": each} for name, each in {"file": "flow_input.file", "text": text}.items()
    }
    value = {"type": "rawscript", "language": "bash", "content": NOTE + more + "\n", "input_transforms": inputs}
    return {"id": step_id, "value": value, **settings}


def of_all_shapes() -> dict[str, object]:
    once = 'if [ ! -e "$file.$text" ]; then touch "$file.$text"; exit 1; fi; echo tried'
    items = f"Array.from({{length: {ITERATIONS}}}, (_, n) => n)"
    return {
        "modules": [
            step("first", "'begun'"),
            {
                "id": "one",
                "value": {
                    "type": "branchone",
                    "branches": [
                        {"expr": "results.first == 'begun'", "modules": [step("chosen", "results.first + '!'")]}
                    ],
                    "default": [],
                },
            },
            {
                "id": "all",
                "value": {
                    "type": "branchall",
                    "parallel": True,
                    "branches": [{"modules": [step("left", "'l'")]}, {"modules": [step("right", "results.one")]}],
                },
            },
            {
                "id": "many",
                "value": {
                    "type": "forloopflow",
                    "parallel": True,
                    "iterator": {"type": "javascript", "expr": items},
                    "modules": [step("each", "`${flow_input.iter.value * 2}`")],
                },
            },
            step("again", "flow_input.run", once, retry={"constant": {"attempts": 5, "seconds": 0}}),
            {
                "id": "below",
                "value": {
                    "type": "flow",
                    "path": "u/ada/below",
                    "input_transforms": {"file": {"type": "javascript", "expr": "flow_input.file"}},
                },
            },
            {
                "id": "broken",
                "value": {
                    "type": "forloopflow",
                    "iterator": {"type": "javascript", "expr": "[1, 2, 3, 4]"},
                    "modules": [step("stops", "`${flow_input.iter.value}`", stop_after_if={"expr": "result == '2'"})],
                },
            },
            {
                "id": "ask",
                "value": {"type": "identity"},
                "suspend": {"required_events": 1, "timeout": 1, "continue_on_disapprove_timeout": True},
            },
            step("asked", "resume.error.name"),
            step("fails", "'x'", "echo no luck; exit 3"),
        ],
        "failure_module": step(
            "failure",
            "JSON.stringify(["
            "results.one, results.all, results.many, results.again, results.below, results.broken, results.asked])",
        ),
    }


def begin(box: Chaosbox, tag: str) -> str:
    args = {"file": str(box.effects_file), "run": f"run-{tag}"}
    return box.submit("jobs/run/preview_flow", {"value": of_all_shapes(), "args": args, "tag": tag})


def outcome(row: Mapping[str, Any]) -> tuple[str, object]:
    """How a flow ended, without what differs from run to run."""
    return str(row["state"]), json.loads(json.loads(row["result"]))


def test_a_flow_ends_the_same_wherever_its_worker_dies(box: Chaosbox) -> None:
    box.start_server()
    with box.client() as client:
        below = {"path": "u/ada/below", "summary": "", "value": {"modules": [step("deep", "'deep'")]}}
        assert client.post("flows/create", json=below).status_code == 201
    tags = {point: point.replace(".", "_").replace(":", "-") for point in POINTS}
    flows = {point: begin(box, tag) for point, tag in tags.items()}
    calm = begin(box, "calm")
    args = {"file": str(box.effects_file), "run": "run-shared"}
    together = {"modules": [step("one", "'1'"), step("two", "'2'"), step("three", "'3'")], "same_worker": True}
    shared = box.submit("jobs/run/preview_flow", {"value": together, "args": args, "tag": "shared"})
    dying = {
        point: box.start_worker(
            ready=False, TIDEMILL_WORKER_TAGS=tag, FAILPOINT=f"{point}:kill", TIDEMILL_WORKER_SLOTS="3"
        )
        for point, tag in tags.items()
    }
    dying["shared"] = box.start_worker(
        ready=False, TIDEMILL_WORKER_TAGS="shared", FAILPOINT="run.after_start:2:kill", TIDEMILL_WORKER_SLOTS="3"
    )
    for point, worker in dying.items():
        assert worker.wait() == -signal.SIGKILL, (point, worker.log.read_text()[-2000:])
    box.start_worker(TIDEMILL_WORKER_TAGS=",".join(["calm", "shared", *tags.values()]))
    expected = outcome(box.ended(calm))
    assert expected == (
        "failure",
        [
            "begun!",
            ["l", "begun!"],
            [str(2 * n) for n in range(ITERATIONS)],
            "tried",
            "deep",
            ["1", "2"],
            "ApprovalTimeout",
        ],
    )
    for point, flow in flows.items():
        assert outcome(box.ended(flow, DETECTED_S + SLACK_S + 60)) == expected, point
    # What all steps shared is gone with the worker: the flow says so, and goes on nowhere else.
    lost = box.ended(shared, DETECTED_S + SLACK_S + 60)
    assert (lost["state"], json.loads(lost["result"])["error"]["name"]) == ("failure", "WorkerLost")
    starts = Counter(effect.job for effect in box.effects if effect.what == "start")
    attempts = {
        str(row["id"]): row["attempt"]
        for row in box.rows(
            "select c.id, c.attempt from job_completed c join job j on j.id = c.id where kind = 'flowscript'"
        )
    }
    assert starts.keys() <= attempts.keys()
    # Each attempt ran once at most, and what was recorded was not run again.
    assert {job: count for job, count in starts.items() if count > attempts[job]} == {}
