"""Warnings about flows: with a deployment, for drafts, and silent about what the caller may not see."""

import json

from tests.api.conftest import Api

W = "/api/w/main"


def flow(expression: str, *, resource: str = "") -> dict[str, object]:
    inputs = {"x": {"type": "javascript", "expr": expression}}
    if resource:
        inputs["r"] = {"type": "static", "value": f"$res:{resource}"}
    value = {"type": "rawscript", "language": "bash", "content": "", "input_transforms": inputs}
    return {"modules": [{"id": "a", "value": value}]}


async def test_a_deployment_tells_what_is_probably_wrong(api: Api) -> None:
    faulty = {"path": "u/dev/faulty", "summary": "", "value": flow("results.zz + (")}
    answer = await api.developer.post(f"{W}/flows/create", json=faulty)
    assert (answer.status_code, answer.text) == (201, "u/dev/faulty")
    (warning,) = json.loads(answer.headers["Tidemill-Warnings"])
    assert (warning["code"], warning["place"]) == ("unparsable_expression", "/modules/0/value/input_transforms/x")
    mended = {**faulty, "value": flow("flow_input.n + 1"), "schema": {"properties": {"n": {}}}}
    answer = await api.developer.post(f"{W}/flows/update/u/dev/faulty", json=mended)
    assert answer.status_code == 200
    assert "Tidemill-Warnings" not in answer.headers


async def test_a_draft_is_checked_without_being_deployed(api: Api) -> None:
    draft = {"value": flow("results.zz"), "schema": {"properties": {"n": {}, "m": {}}}, "tag": "for-$args[m]"}
    answer = await api.developer.post(f"{W}/flows/check", json=draft)
    assert [(each["code"], each["place"]) for each in answer.json()] == [
        ("unknown_step", "/modules/0/value/input_transforms/x"),
        ("unused_argument", ""),
    ]
    answer = await api.developer.post(f"{W}/flows/check", json={"value": {"modules": [{"id": "a"}]}})
    assert answer.status_code == 400
    assert "/modules/0/value" in answer.text


async def test_a_flow_with_very_many_expressions_says_what_was_not_checked(api: Api) -> None:
    inputs = {f"x{n}": {"type": "javascript", "expr": f"[{n}].length"} for n in range(1003)}
    value = {"type": "rawscript", "language": "bash", "content": "", "input_transforms": inputs}
    answer = await api.developer.post(f"{W}/flows/check", json={"value": {"modules": [{"id": "a", "value": value}]}})
    assert [(each["code"], each["message"].split()[0]) for each in answer.json()] == [("not_checked", "3")]


async def test_a_check_tells_nothing_of_what_is_hidden(api: Api) -> None:
    for path in ("u/admin/hidden", "u/dev/own"):
        body = {"path": path, "value": {}, "resource_type": "object"}
        assert (await api.admin.post(f"{W}/resources/create", json=body)).status_code == 201
    answers = {
        path: (await api.developer.post(f"{W}/flows/check", json={"value": flow("1", resource=path)})).json()
        for path in ("u/admin/hidden", "u/admin/absent", "u/dev/own")
    }
    assert answers["u/dev/own"] == []
    assert [each["code"] for each in answers["u/admin/hidden"]] == ["missing_resource"]
    hidden, absent = (json.dumps(answers[f"u/admin/{name}"]) for name in ("hidden", "absent"))
    assert hidden.replace("hidden", "absent") == absent


async def test_what_is_run_is_looked_for_with_the_arguments_that_it_takes(api: Api) -> None:
    async def script(path: str, content: str) -> str:
        body = {"path": path, "summary": "", "description": "", "content": content, "language": "python3"}
        answer = await api.developer.post(f"{W}/scripts/create", json=body)
        assert answer.status_code == 201, answer.text
        return answer.text

    version = await script("u/dev/strict", "def main(x: int, y: int = 1): ...")
    await script("u/dev/open", "def main(x: int, **more): ...")
    below: dict[str, object] = {"path": "u/dev/below", "summary": "", "value": {"modules": []}}
    below["schema"] = {"properties": {"n": {}}, "required": ["n"]}
    assert (await api.developer.post(f"{W}/flows/create", json=below)).status_code == 201

    def runs(step: str, kind: str, path: str, *names: str, **more: str) -> dict[str, object]:
        inputs = {name: {"type": "static", "value": 1} for name in names}
        return {"id": step, "value": {"type": kind, "path": path, "input_transforms": inputs, **more}}

    modules = [
        runs("a", "script", "u/dev/strict", "x"),
        runs("b", "script", "u/dev/strict", "y", "w"),
        runs("c", "script", "u/dev/strict", "x", "w", hash=version.upper()),
        runs("d", "script", "u/dev/strict", "x", hash="7" * 16),
        runs("e", "script", "u/dev/open", "x", "w"),
        runs("f", "flow", "u/dev/below"),
    ]
    answer = await api.developer.post(f"{W}/flows/check", json={"value": {"modules": modules}})
    assert [(each["code"], each["place"]) for each in answer.json()] == [
        ("missing_version", "/modules/3/value/hash"),
        ("unknown_input", "/modules/1/value/input_transforms/w"),
        ("missing_input", "/modules/1/value/input_transforms"),
        ("unknown_input", "/modules/2/value/input_transforms/w"),
        ("missing_input", "/modules/5/value/input_transforms"),
    ]
    hidden = await api.admin.post(f"{W}/flows/check", json={"value": {"modules": modules}})
    assert hidden.json() == answer.json()
