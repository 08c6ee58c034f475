"""Answers to what flows ask: by link, by members, and who may not. What flows make of them: `tests/conformance`."""

import base64
from urllib.parse import urlsplit

import pytest

from tests.api.at_work import W, deploy, run
from tests.api.conftest import BASE_URL, Api, audited
from tests.api.suspended import Suspended, suspended
from tidemill.db import approvals
from tidemill.db.queries import inline


async def given(api: Api, flow: Suspended) -> list[tuple[str, bool, bytes]]:
    """(approver, approved, payload) of the answers so far."""
    found = await approvals.answers_for(api.parts.database.single, flow.flow, step="ask", source=flow.flow)
    return [(each.approver, each.approved, each.payload) for each in found]


async def is_due(api: Api, flow: Suspended) -> bool:
    state = inline("select state = 'queued' and run_at <= now() from job_queue where id = :id")
    return bool(await api.parts.database.single.fetch_value(state, id=flow.flow))


async def test_whoever_has_a_link_answers_once_and_the_flow_is_told(api: Api) -> None:
    flow = await suspended(api, api.developer)
    urls = await flow.urls(api.developer, approver="Grace Hopper")
    assert not await is_due(api, flow)
    answer = await api.anonymous.post(urls["resume"], content=b'{"size": 1.10}')
    assert (answer.status_code, answer.text) == (201, "Approved.")
    assert await given(api, flow) == [("Grace Hopper", True, b'{"size": 1.10}')]
    assert await is_due(api, flow)
    again = await api.anonymous.post(urls["cancel"], json={})
    assert (again.status_code, again.headers["x-tidemill-error"]) == (409, "conflict")
    (record,) = await audited(api, "flows.approve")
    assert (record["username"], record["resource"]) == ("Grace Hopper", str(flow.flow))


async def test_links_can_be_followed_with_a_payload_in_base64(api: Api) -> None:
    flow = await suspended(api, api.developer)
    for number, payload in enumerate((b'{"a": ">>>"}', b"")):
        urls = await flow.urls(api.developer, number)
        query = {"payload": base64.b64encode(payload).decode()}
        assert (await api.anonymous.get(urls["resume"], params=query)).status_code == 201
    urls = await flow.urls(api.developer, 7)
    assert (await api.anonymous.get(urls["cancel"])).text == "Disapproved."
    for wrong in ("%%%", base64.b64encode(b"{").decode()):
        bad = await api.anonymous.get((await flow.urls(api.developer, 8))["resume"], params={"payload": wrong})
        assert bad.status_code == 400
    assert await given(api, flow) == [
        ("anonymous", True, b'{"a": ">>>"}'), ("anonymous", True, b"null"), ("anonymous", False, b"null"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"), [("/1/", "/2/"), ("/main/", "/other/"), ("approver=ada", "approver=dev"), ("?approver=ada", "")]
)
async def test_a_link_that_was_changed_is_refused(api: Api, old: str, new: str) -> None:
    flow = await suspended(api, api.developer)
    urls = await flow.urls(api.developer, approver="ada")
    for verb in ("resume", "cancel"):
        changed = urls[verb].replace(old, new)
        assert changed != urls[verb]
        answer = await api.anonymous.post(changed, json={})
        assert (answer.status_code, answer.headers["x-tidemill-error"]) == (403, "denied")
    assert await given(api, flow) == []


async def test_a_signature_of_another_job_is_none(api: Api) -> None:
    one, other = await suspended(api, api.developer), await suspended(api, api.developer)
    url = (await one.urls(api.developer))["resume"].replace(str(one.step), str(other.step))
    assert (await api.anonymous.post(url, json={})).status_code == 403


async def test_links_are_made_by_those_who_may_cancel_the_flow(api: Api) -> None:
    flow = await suspended(api, api.developer)
    stranger = await api.person("eve")
    for caller, status in ((api.admin, 200), (api.developer, 200), (stranger, 404), (api.operator, 404)):
        for route in (f"jobs/resume_urls/{flow.step}/1", f"jobs/job_signature/{flow.step}/1"):
            assert (await caller.get(f"{W}/{route}")).status_code == status
    reader = await api.client(await api.token("dev@x.org", read_only=True))
    assert (await reader.get(f"{W}/jobs/resume_urls/{flow.step}/1")).status_code == 403
    job = await api.job("dev")
    assert (await job.get(f"{W}/jobs/resume_urls/{flow.step}/1")).status_code == 200
    for number in ("-1", "x", str(2**48)):
        assert (await api.developer.get(f"{W}/jobs/resume_urls/{flow.step}/{number}")).status_code == 400


async def test_the_links_are_those_that_clients_expect(api: Api) -> None:
    flow = await suspended(api, api.developer)
    urls = await flow.urls(api.developer, 5, approver="a b")
    signature = (await api.developer.get(f"{W}/jobs/job_signature/{flow.step}/5?approver=a%20b")).text
    place = f"{flow.step}/5/{signature}?approver=a+b"
    assert urls == {
        "approvalPage": f"{BASE_URL}/w/main/approve/{place}",
        "resume": f"{BASE_URL}/api/w/main/jobs_u/resume/{place}",
        "cancel": f"{BASE_URL}/api/w/main/jobs_u/cancel/{place}",
    }
    nobody = await flow.urls(api.developer, 5, approver="")  # as `wmill` sends it
    assert urlsplit(nobody["resume"]).query == ""


async def test_a_member_may_be_wanted(api: Api) -> None:
    flow = await suspended(api, api.developer, user_auth_required=True)
    url = (await flow.urls(api.developer, approver="Ada"))["resume"]
    for nobody in (api.anonymous, api.outsider, await api.job("dev"), await api.client("garbage")):
        answer = await nobody.post(url, json={})
        assert (answer.status_code, "sign in" in answer.text) == (403, True)
    assert (await api.operator.post(url, json=1)).status_code == 201
    assert await given(api, flow) == [("op", True, b"1")]


async def test_a_browser_that_another_site_sends_here_is_not_signed_in(api: Api) -> None:
    flow = await suspended(api, api.developer, user_auth_required=True)
    url = (await flow.urls(api.developer))["resume"]
    token = await api.token("op@x.org")
    for headers, status in (({"Origin": "https://evil.example"}, 403), ({"Origin": BASE_URL}, 201)):
        answer = await api.anonymous.post(url, json={}, headers={"Cookie": f"token={token}", **headers})
        assert answer.status_code == status, answer.text


async def test_members_of_groups_may_be_wanted(api: Api) -> None:
    await api.admin.post(f"{W}/groups/create", json={"name": "chiefs", "summary": ""})
    await api.admin.post(f"{W}/groups/adduser/chiefs", json={"username": "op"})
    groups = {"type": "static", "value": ["chiefs"]}
    flow = await suspended(api, api.developer, user_groups_required=groups, groups=("chiefs",))
    url = (await flow.urls(api.developer))["resume"]
    refused = await api.developer.post(url, json={})
    assert (refused.status_code, "chiefs" in refused.text) == (403, True)
    info = f"{W}/jobs_u/flow/approval_info/{flow.flow}"
    assert (await api.operator.get(info)).json()["can_approve"] is True
    assert (await api.developer.get(info)).json()["can_approve"] is False
    assert (await (await api.person("eve")).get(info)).status_code == 404
    for_others = await api.client(await api.token("op@x.org", scopes=["jobs:write:f/other/*"]))
    wanted = f"{W}/jobs_u/flow/resume_suspended/{flow.flow}"
    assert (await for_others.post(wanted, json={})).status_code == 403
    answer = await api.operator.post(wanted, json={"payload": {"a": 1}})
    assert answer.status_code == 201, answer.text
    assert await given(api, flow) == [("op", True, b'{"a":1}')]


async def test_whoever_started_the_flow_may_be_shut_out(api: Api) -> None:
    flow = await suspended(api, api.developer, self_approval_disabled=True)
    url = (await flow.urls(api.developer))["resume"]
    own = await api.developer.post(url, json={})
    assert (own.status_code, "started" in own.text) == (403, True)
    as_owner = await api.developer.post(f"{W}/jobs/flow/resume/{flow.flow}", json={})
    assert (as_owner.status_code, "started" in as_owner.text) == (403, True)
    assert (await api.anonymous.post(url, json={})).status_code == 403
    assert (await api.admin.post(url, json={})).status_code == 201


async def test_who_may_cancel_the_flow_answers_without_a_link_but_once(api: Api) -> None:
    flow = await suspended(api, api.developer)
    assert (await api.operator.post(f"{W}/jobs/flow/resume/{flow.flow}", json={})).status_code == 404
    assert (await (await api.job("dev")).post(f"{W}/jobs/flow/resume/{flow.flow}", json={})).status_code == 403
    assert (await api.developer.post(f"{W}/jobs/flow/resume/{flow.flow}", json={"by": "me"})).status_code == 201
    assert (await api.developer.post(f"{W}/jobs/flow/resume/{flow.flow}", json={})).status_code == 409
    no = {"approved": False}
    assert (await api.admin.post(f"{W}/jobs_u/flow/resume_suspended/{flow.step}", json=no)).status_code == 201
    assert await given(api, flow) == [("dev", True, b'{"by":"me"}'), ("ada", False, b"null")]


async def test_an_answer_for_a_flow_goes_to_no_other_that_says_it_belongs_to_it(api: Api) -> None:
    """Whoever starts a run may name any job as its root that they see, and may have asked first."""
    other = await suspended(api, api.admin)
    flow = await suspended(api, api.developer)
    named = inline("update job set root_job = :root where id = :id")  # as `root_job` of a run does
    await api.parts.database.single.execute(named, root=flow.flow, id=other.flow)
    assert (await api.admin.post(f"{W}/jobs/flow/resume/{flow.flow}", json={})).status_code == 201
    assert await given(api, other) == []
    assert await given(api, flow) == [("ada", True, b"{}")]


async def test_what_is_asked_is_told_with_what_the_step_gave(api: Api) -> None:
    schema = {"type": "object", "properties": {"size": {"type": "number"}, "note": {"type": "string"}}}
    result = b'{"default_args": {"size": 1.10}, "enums": {"note": ["a", "b"]}, "description": "Big?", "x": 1}'
    flow = await suspended(
        api, api.developer, resume_form={"schema": schema}, result=result, hide_cancel=True, skin="minimal"
    )
    await api.anonymous.post((await flow.urls(api.developer, 3, approver="Grace"))["resume"], json={})
    token = await flow.token(api.developer)
    info = await api.anonymous.get(f"{W}/jobs_u/flow/approval_info/{flow.step}", params={"token": token})
    assert info.status_code == 200, info.text
    assert b'"size":{"type":"number","default":1.10}' in info.content
    told = info.json()
    assert told["form_schema"]["properties"]["note"]["enum"] == ["a", "b"]
    assert (told["description"], told["step_summary"], told["skin"]) == ("Big?", "Is it fine?", "minimal")
    assert (told["can_approve"], told["hide_cancel"], told["required"]) == (True, True, 10)
    assert told["approvers"] == [{"resume_id": 3, "approver": "Grace"}]
    sent = {"payload": {"size": 2}, "approval_token": token}
    assert (await api.anonymous.post(f"{W}/jobs_u/flow/resume_suspended/{flow.step}", json=sent)).status_code == 201
    wrong = {**sent, "approval_token": token.replace("1.", "2.", 1)}
    assert (await api.anonymous.post(f"{W}/jobs_u/flow/resume_suspended/{flow.step}", json=wrong)).status_code == 403
    assert (await api.anonymous.get(f"{W}/jobs_u/flow/approval_info/{flow.step}")).status_code == 403


async def test_a_link_shows_the_flow_that_waits(api: Api) -> None:
    flow = await suspended(api, api.developer)
    signed = (await flow.urls(api.developer))["resume"].partition("/resume/")[2]
    shown = (await api.anonymous.get(f"{W}/jobs_u/get_flow/{signed}")).json()
    assert (shown["job"]["id"], shown["job"]["suspend"], shown["job"]["running"]) == (str(flow.flow), 10, True)
    assert shown["job"]["flow_status"]["modules"] == [
        {"type": "WaitingForEvents", "id": "ask", "job": str(flow.step), "count": 10}
    ]
    assert shown["approvers"] == []


async def test_lists_find_flows_that_wait(api: Api) -> None:
    flow = await suspended(api, api.developer)
    other = await run(api.developer, await _deployed(api))
    queue = (await api.developer.get(f"{W}/jobs/queue/list", params={"suspended": "true"})).json()
    assert [each["id"] for each in queue] == [str(flow.flow)]
    rest = (await api.developer.get(f"{W}/jobs/list", params={"suspended": "false"})).json()
    assert str(other) in {each["id"] for each in rest}
    assert str(flow.flow) not in {each["id"] for each in rest}
    assert (await api.admin.get(f"{W}/jobs/queue/count")).json()["suspended"] == 1


async def test_while_the_step_still_runs_rules_that_are_known_hold(api: Api) -> None:
    flow = await suspended(api, api.developer, still_runs=True, user_auth_required=True)
    url = (await flow.urls(api.developer))["resume"]
    assert (await api.anonymous.post(url, json={})).status_code == 403
    assert (await api.operator.post(url, json={})).status_code == 201
    groups = {"type": "javascript", "expr": "results.ask"}
    unknown = await suspended(api, api.developer, still_runs=True, user_groups_required=groups)
    answer = await api.operator.post((await unknown.urls(api.developer))["resume"], json={})
    assert (answer.status_code, "has ended" in answer.text) == (409, True)


async def test_what_nobody_asked_is_no_answer(api: Api) -> None:
    job = await run(api.developer, await _deployed(api))
    urls = (await api.developer.get(f"{W}/jobs/resume_urls/{job}/1")).json()
    answer = await api.anonymous.post(urls["resume"], json={})
    assert (answer.status_code, "'suspend'" in answer.text) == (400, True)
    assert (await api.developer.post(f"{W}/jobs/flow/resume/{job}", json={})).status_code == 404
    assert (await api.developer.get(f"{W}/jobs/resume_urls/{job}/1?flow_level=true")).status_code == 400


async def test_a_flow_that_was_canceled_takes_no_answers(api: Api) -> None:
    flow = await suspended(api, api.developer)
    urls = await flow.urls(api.developer)
    assert (await api.developer.post(f"{W}/jobs_u/queue/cancel/{flow.flow}", json={})).status_code == 200
    answer = await api.anonymous.post(urls["resume"], json={})
    assert (answer.status_code, "has ended" in answer.text) == (409, True)
    info = await api.developer.get(f"{W}/jobs_u/flow/approval_info/{flow.flow}")
    assert info.status_code == 404
    rows = await api.parts.database.single.fetch_all(inline("select from flow_approval"))
    assert rows == []


async def test_an_answer_for_any_step_of_the_flow_is_told_to_the_one_that_waits(api: Api) -> None:
    flow = await suspended(api, api.developer, user_auth_required=True)
    urls = await flow.urls(api.developer, flow_level=True)
    assert f"/resume/{flow.flow}/" in urls["resume"]
    assert (await api.anonymous.post(urls["resume"], json={})).status_code == 403
    assert (await api.operator.post(urls["resume"], json=2)).status_code == 201
    assert await given(api, flow) == [("op", True, b"2")]
    assert await is_due(api, flow)


async def test_a_payload_is_bounded(api: Api) -> None:
    flow = await suspended(api, api.developer)
    url = (await flow.urls(api.developer))["resume"]
    large = b'"' + b"x" * api.parts.options.inline_value_bytes + b'"'
    assert (await api.anonymous.post(url, content=large)).status_code == 413
    body = b'{"payload": ' + large + b"}"
    assert (await api.admin.post(f"{W}/jobs_u/flow/resume_suspended/{flow.flow}", content=body)).status_code == 413


async def _deployed(api: Api) -> str:
    await deploy(api.developer)
    return "u/dev/hello"
