"""Variables and resources in the expressions of flows."""

import json
from typing import Any

import httpx
import pytest

from tests.conformance.test_restart import ended

SECRET = "pass-9e1f"


@pytest.fixture(scope="module", autouse=True)
def there(http: httpx.Client) -> None:
    """A variable, a secret, and a resource with each."""
    for name, value, is_secret in (("greeting", "hello", False), ("password", SECRET, True)):
        body = {"path": f"u/admin/{name}", "value": value, "is_secret": is_secret, "description": ""}
        assert http.post("variables/create", json=body).status_code == 201
    for name, value in (
        ("server", {"host": "h", "port": 5432, "says": "$var:u/admin/greeting"}),
        ("closed", {"host": "h", "password": "$var:u/admin/password"}),
    ):
        body = {"path": f"u/admin/{name}", "value": value, "resource_type": "object"}
        assert http.post("resources/create", json=body).status_code == 201


def run(http: httpx.Client, expression: str) -> dict[str, Any]:
    """The job of a flow whose only step, in a loop, gives what the expression gives."""
    script = "import json\ndef main(x: object):\n    print(json.dumps(x))\n    return x\n"
    inputs = {"x": {"type": "javascript", "expr": expression}}
    step = {
        "id": "see",
        "value": {"type": "rawscript", "language": "python3", "content": script, "input_transforms": inputs},
    }
    loop = {
        "type": "forloopflow",
        "iterator": {"type": "static", "value": [1]},
        "modules": [step],
        "skip_failures": False,
    }
    constants = {
        "word": "$var:u/admin/greeting",
        "key": "$var:u/admin/password",
        "server": "$res:u/admin/server",
        "n": 7,
    }
    flow = {"value": {"modules": [{"id": "each", "value": loop}], "flow_env": constants}, "args": {"name": "greeting"}}
    return ended(http, http.post("jobs/run/preview_flow", json=flow).text)


def step_of(http: httpx.Client, flow: dict[str, Any]) -> dict[str, Any]:
    level = flow["flow_status"]["modules"][0]["flow_jobs"][0]
    job: dict[str, Any] = http.get(f"jobs_u/get/{ended(http, level)['flow_status']['modules'][0]['job']}").json()
    return job


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("variable('u/admin/greeting')", "hello"),
        ("variable('u/admin/' + flow_input.name).toUpperCase()", "HELLO"),
        ("resource('u/admin/server')", {"host": "h", "port": 5432, "says": "hello"}),
        ("`${resource('u/admin/server').host}:${resource('u/admin/server').port}`", "h:5432"),
        ("resource('u/admin/server').says + flow_input.iter.value", "hello1"),
        ("flow_input.name ? 1 : variable('u/admin/none')", 1),
        ("flow_env.word", "hello"),
        ("flow_env.word + flow_env.n", "hello7"),
        ("flow_env.server.port", 5432),
        ("flow_env.server?.host === 'h' && !('none' in flow_env)", True),
    ],
)
def test_an_expression_reads_what_whoever_runs_the_flow_may_read(
    http: httpx.Client, expression: str, value: object
) -> None:
    flow = run(http, expression)
    assert flow["success"], flow["result"]
    assert flow["result"] == [value]


def test_a_secret_alone_is_put_in_when_the_step_starts_and_masked(http: httpx.Client) -> None:
    for expression, reference, masked in (
        ("variable('u/admin/password')", "$var:u/admin/password", "******"),
        ("resource('u/admin/closed');", "$res:u/admin/closed", {"host": "h", "password": "******"}),
        ("flow_env.key", "$var:u/admin/password", "******"),
    ):
        flow = run(http, expression)
        assert flow["result"] == [masked]
        step = step_of(http, flow)
        assert step["args"] == {"x": reference}
        log = http.get(f"jobs_u/get_logs/{step['id']}").text
        assert ("******" in log, SECRET in log) == (True, False)


def test_a_reference_that_leads_nowhere_is_told_with_its_step(http: httpx.Client) -> None:
    for expression in ("variable('u/admin/none')", "resource('u/admin/none')"):
        message = run(http, expression)["result"]["error"]["message"]
        assert message.startswith("An input of step 'see': There is no "), message
        assert "'u/admin/none'" in message


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("variable('u/admin/password') + '!'", "u/admin/password holds a secret"),
        ("resource('u/admin/closed').host", "u/admin/closed holds a secret"),
        ("flow_env.key + '!'", "u/admin/password holds a secret"),
        ("variable('u/admin/none') + '!'", "u/admin/none"),
        ("resource('u/admin/' + 'none').host", "u/admin/none"),
    ],
)
def test_what_cannot_be_read_is_told_with_step_and_expression(http: httpx.Client, expression: str, why: str) -> None:
    flow = run(http, expression)
    message = flow["result"]["error"]["message"]
    assert not flow["success"]
    assert why in message
    assert "of step 'see': the expression" in message
    assert expression in message
    assert SECRET not in json.dumps(flow)
