"""Reading scripts: by path, by hash, in lists, as source; and what a source says about its arguments."""

from pathlib import Path

import pytest

from tests.api.at_work import SOURCE, W, deploy
from tests.api.conftest import Api


async def test_a_new_script_is_answered_with_its_hash_and_read_back_whole(api: Api) -> None:
    answer = await api.developer.post(
        f"{W}/scripts/create",
        json={"path": "u/dev/hello", "summary": "Says hello", "content": SOURCE, "language": "python3"},
    )
    assert answer.status_code == 201, answer.text
    assert len(answer.text) == 16
    assert answer.headers["content-type"].startswith("text/plain")
    script = (await api.developer.get(f"{W}/scripts/get/p/u/dev/hello")).json()
    assert script["hash"] == answer.text
    assert script["content"] == SOURCE
    assert script["lock"] == ""
    assert script["schema"]["required"] == []
    assert set(script["schema"]["properties"]) == {"name", "times"}
    assert (await api.developer.get(f"{W}/scripts/get/h/{answer.text}")).json() == script


async def test_what_has_no_value_is_absent_and_what_clients_compare_is_there(api: Api) -> None:
    await deploy(api.developer, envs=[], labels=[], cache_ttl=0, dedicated_worker=False, tag=None, timeout=0)
    script = (await api.developer.get(f"{W}/scripts/get/p/u/dev/hello")).json()
    absent = {"envs", "labels", "cache_ttl", "dedicated_worker", "tag", "timeout", "priority", "modules", "codebase"}
    assert absent.isdisjoint(script)
    assert script["ws_error_handler_muted"] is False
    assert script["archived"] is False
    assert script["description"] == ""
    assert script["extra_perms"] == {}
    assert {script["starred"], script["is_draft"], script["is_template"], script["has_preprocessor"]} == {False}


async def test_lists_hold_no_nul(api: Api) -> None:
    body = {"path": "u/dev/hello", "summary": "", "content": SOURCE, "language": "python3", "labels": ["A=\0"]}
    answer = await api.developer.post(f"{W}/scripts/create", json=body)
    assert answer.status_code == 400
    assert "$.labels[0] holds the character NUL" in answer.text


async def test_settings_come_back_as_they_were_sent(api: Api) -> None:
    settings = {
        "tag": "custom",
        "labels": ["x"],
        "timeout": 30,
        "cache_ttl": 60,
        "priority": 5,
        "concurrent_limit": 2,
        "concurrency_time_window_s": 10,
        "concurrency_key": "k-$args[name]",
        "on_worker_loss": "fail",
        "delete_after_secs": 5,
        "ws_error_handler_muted": True,
        "description": "Long.",
        "kind": "trigger",
    }
    await deploy(api.developer, **settings)
    script = (await api.developer.get(f"{W}/scripts/get/p/u/dev/hello")).json()
    assert {name: script[name] for name in settings} == settings


async def test_trailing_newlines_of_source_and_lock_are_kept(api: Api) -> None:
    await deploy(api.developer, content=SOURCE + "\n\n", lock="a==1\n\n")
    script = (await api.developer.get(f"{W}/scripts/get/p/u/dev/hello")).json()
    assert script["content"] == SOURCE + "\n\n"
    assert script["lock"] == "a==1\n\n"
    assert (await api.developer.get(f"{W}/scripts/raw/p/u/dev/hello.py")).text == SOURCE + "\n\n"


async def test_a_script_of_others_looks_like_none(api: Api) -> None:
    number = await deploy(api.developer)
    stranger = await api.person("stranger")
    for client in (stranger, api.operator):
        for path in (
            "get/p/u/dev/hello",
            f"get/h/{number}",
            "raw/p/u/dev/hello",
            f"raw/h/{number}",
            "history/p/u/dev/hello",
        ):
            assert (await client.get(f"{W}/scripts/{path}")).status_code == 404, path
        assert (await client.get(f"{W}/scripts/exists/p/u/dev/hello")).json() is False
        assert (await client.get(f"{W}/scripts/list")).json() == []
        assert (await client.get(f"{W}/scripts/list_paths")).json() == []
    there = await stranger.get(f"{W}/scripts/get/p/u/dev/hello")
    missing = await stranger.get(f"{W}/scripts/get/p/u/dev/other")
    assert there.text.replace("hello", "") == missing.text.replace("other", "")
    by_hash = await stranger.get(f"{W}/scripts/get/h/{number}")
    assert by_hash.text.replace(number, "") == (
        (await stranger.get(f"{W}/scripts/get/h/00000000000000ff")).text.replace("00000000000000ff", "")
    )


async def test_operators_deploy_nothing(api: Api) -> None:
    answer = await api.operator.post(
        f"{W}/scripts/create", json={"path": "u/op/x", "summary": "", "content": SOURCE, "language": "python3"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "x"}, "not a path"),
        ({"language": "cobol"}, "there are: bash, "),
        ({"content": "def main(:"}, "Line 1"),
        ({"kind": "flow"}, "kind must be"),
        ({"timeout": -1}, "timeout"),
        ({"cache_ttl": 1e300}, "cache_ttl"),
        ({"tag": "a b"}, "tag name"),
        ({"on_worker_loss": "maybe"}, "on_worker_loss"),
        ({"schema": [1]}, "schema"),
        ({"parent_hash": "zz"}, "hash"),
        ({"summary": "a\x00b"}, "NUL"),
        ({"content": "x = '\x00'"}, "NUL"),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_name(api: Api, change: dict[str, object], said: str) -> None:
    body = {"path": "u/dev/x", "summary": "", "content": SOURCE, "language": "python3", **change}
    answer = await api.developer.post(f"{W}/scripts/create", json=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert said in answer.text


@pytest.mark.parametrize(("name", "value"), [("codebase", "x"), ("envs", ["A=1"]), ("restart_unless_cancelled", True)])
async def test_settings_that_would_be_ignored_are_refused(api: Api, name: str, value: object) -> None:
    body = {"path": "u/dev/x", "summary": "", "content": SOURCE, "language": "python3", name: value}
    answer = await api.developer.post(f"{W}/scripts/create", json=body)
    assert answer.status_code == 501
    assert name in answer.text


async def test_lists_filter_and_page(api: Api) -> None:
    for number in range(12):
        await deploy(api.developer, path=f"u/dev/s{number:02}", labels=["even"] if number % 2 == 0 else [])
    await deploy(api.developer, path="u/dev/lib", content="def helper(): ...\n")

    async def names(**query: object) -> list[str]:
        answer = await api.developer.get(f"{W}/scripts/list", params=query)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return [script["path"].removeprefix("u/dev/") for script in answer.json()]

    assert await names() == [f"s{number:02}" for number in reversed(range(12))]
    assert await names(per_page=5, page=2) == ["s06", "s05", "s04", "s03", "s02"]
    assert await names(per_page=5, page=0) == await names(per_page=5, page=1)
    assert await names(order_desc=False, per_page=2) == ["s00", "s01"]
    assert await names(label="even", per_page=2) == ["s10", "s08"]
    assert await names(path_start="u/dev/s1") == ["s11", "s10"]
    assert await names(path_exact="u/dev/s03") == ["s03"]
    assert "lib" in await names(include_without_main=True)
    assert await names(created_by="ada") == []
    assert await names(languages="bash,deno") == []
    assert await names(kinds="trigger") == []
    assert await names(starred_only=True) == []


async def test_the_cli_counts_pages_of_ten_from_zero(api: Api) -> None:
    for number in range(12):
        await deploy(api.developer, path=f"u/dev/s{number:02}")
    seen: list[str] = []
    for page in (0, 1):
        answer = await api.developer.get(
            f"{W}/scripts/list", params={"page": page, "per_page": 10}, headers={"X-Windmill-Client": "cli"}
        )
        seen += [script["path"] for script in answer.json()]
    assert len(seen) == len(set(seen)) == 12


async def test_a_list_has_the_source_but_neither_schema_nor_lock(api: Api) -> None:
    await deploy(api.developer, lock="x==1")
    (row,) = (await api.developer.get(f"{W}/scripts/list")).json()
    assert row["content"] == SOURCE
    assert {"schema", "lock", "is_draft"}.isdisjoint(row)


async def test_dependencies_are_resolved_by_a_job(api: Api) -> None:
    number = await deploy(api.developer, content="#requirements:\n#requests\n\ndef main(): ...\n")
    status = (await api.developer.get(f"{W}/scripts/deployment_status/h/{number}")).json()
    assert set(status) == {"job_id"}
    job = (await api.developer.get(f"{W}/jobs_u/get/{status['job_id']}")).json()
    assert (job["job_kind"], job["tag"], job["script_hash"]) == ("dependencies", "dependency", number)
    assert "lock" not in (await api.developer.get(f"{W}/scripts/get/h/{number}")).json()


async def test_a_source_is_only_parsed(api: Api, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    touch = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    hostile = (
        f"import os\n{touch}\n"
        f"def decorate(f):\n    {touch}\n    return f\n"
        f"class Meta(type):\n    def __new__(c, *a):\n        {touch}\n        return type.__new__(c, *a)\n"
        f"class A(metaclass=Meta): ...\n"
        f"@decorate\ndef main(a: str = {touch}, b: A = None): ...\n"
    )
    answer = await api.developer.post(f"{W}/scripts/infer_schema", json={"language": "python3", "content": hostile})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["schema"]["properties"]) == {"a", "b"}
    await deploy(api.developer, content=hostile, lock="")
    assert not marker.exists()


async def test_a_library_has_no_main_and_cannot_be_run(api: Api) -> None:
    await deploy(api.developer, content="def helper(): ...\n")
    assert (await api.developer.get(f"{W}/scripts/get/p/u/dev/hello")).json()["no_main_func"] is True
    answer = await api.developer.post(f"{W}/jobs/run/p/u/dev/hello", json={})
    assert answer.status_code == 400
    assert "library" in answer.text
