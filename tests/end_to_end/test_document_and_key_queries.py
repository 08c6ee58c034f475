"""Scripts for MongoDB, Redis and Upstash as jobs of a real worker, and inline."""

import json
from collections.abc import Iterator

import pytest

from tests.database_servers import DatabaseServers
from tests.document_servers import DocumentServer, start_secantus
from tests.end_to_end.running import Workspace
from tests.key_servers import PASSWORD, KeyServer, start_redis, upstash


@pytest.fixture(scope="module")
def workspace(reaching: Workspace) -> Workspace:
    """Not the one that all share: Windmill's generated client refuses lists with a language that it does not know."""
    return reaching


@pytest.fixture(scope="module")
def documents(workspace: Workspace, database_servers: DatabaseServers) -> str:
    """The path of a resource that leads to a MongoDB."""
    server: DocumentServer = database_servers.get("secantus", start_secantus)
    path = workspace.path()
    value = server.resource(db="end_to_end", directConnection=True)
    workspace.post("resources/create", {"path": path, "value": value, "resource_type": "mongodb"})
    return path


@pytest.fixture(scope="module")
def redis(database_servers: DatabaseServers) -> KeyServer:
    return database_servers.get("redis", start_redis)


@pytest.fixture(scope="module")
def keys(workspace: Workspace, redis: KeyServer) -> str:
    """The path of a resource that leads to a Redis, with its password in a secret."""
    path = workspace.path()
    secret = {"path": f"{path}_password", "value": PASSWORD, "is_secret": True, "description": ""}
    workspace.post("variables/create", secret)
    value = redis.resource(credential={"password": f"$var:{path}_password"})
    workspace.post("resources/create", {"path": path, "value": value, "resource_type": "redis"})
    return path


@pytest.fixture(scope="module")
def rest(workspace: Workspace, redis: KeyServer) -> Iterator[str]:
    path = workspace.path()
    with upstash(redis, "token-4711") as url:
        value = {"url": url, "token": "token-4711"}
        workspace.post("resources/create", {"path": path, "value": value, "resource_type": "upstash"})
        yield path


def test_documents_go_to_storage_and_back_and_are_counted(
    workspace: Workspace, documents: str, keys: str, rest: str
) -> None:
    rows = [{"_id": number, "city": "Riga" if number % 2 else "Oslo", "price": number / 2} for number in range(500)]
    here = f"# database {documents}\n"
    insert = "# rows (object[])\ncollection: sales\ninsert: {$arg: rows}"
    told = workspace.run_source(insert, {"database": f"$res:{documents}", "rows": rows}, language="mongodb")
    assert told["insertedCount"] == 500
    stream = (
        here + "# city (string)\n# s3 prefix=f/exports\ncollection: sales\nfind: {city: {$arg: city}}\nsort: {_id: 1}"
    )
    pointer = workspace.run_source(stream, {"city": "Riga"}, language="mongodb")
    assert set(pointer) == {"s3"}
    copy = here + "# rows (s3object)\ncollection: copies\ninsert: {$arg: rows}"
    assert workspace.run_source(copy, {"rows": pointer}, language="mongodb")["insertedCount"] == 250
    total = here + "collection: copies\naggregate: [{$group: {_id: $city, total: {$sum: $price}}}]"
    (group,) = workspace.run_source(total, language="mongodb")
    assert group == {"_id": "Riga", "total": sum(row["price"] for row in rows if row["city"] == "Riga")}
    count = "# city (string)\n# total (double)\nHSET totals $city $total\nHGETALL totals"
    args = {"city": group["_id"], "total": group["total"]}
    kept = {"Riga": json.dumps(group["total"])}
    assert workspace.run_source(f"# database {keys}\n{count}", args, language="redis") == kept
    assert workspace.run_source("HGET totals Riga", {"database": f"$res:{rest}"}, language="upstash") == kept["Riga"]


def test_inline_and_from_python(workspace: Workspace, documents: str, keys: str) -> None:
    for language, content, wanted in (
        ("mongodb", f"# database {documents}\ncommand: {{ping: 1}}", {"ok": 1.0}),
        ("redis", f"# database {keys}\nSET inline 1\nINCR inline", 2),
    ):
        body = {"content": content, "language": language, "args": {}}
        for route in ("run_inline", "run_wait_result"):
            answer = workspace.http.post(f"jobs/{route}/preview", json=body)
            assert (answer.status_code, answer.json()) == (200, wanted), answer.text
    source = (
        "import wmill\n\ndef main(database: str):\n"
        "    args = {'database': '$res:' + database, 'key': 'a b'}\n"
        "    return wmill.run_inline_script_preview('# key (string)\\nSET $key 1\\nGET $key', 'redis', args)\n"
    )
    assert workspace.run_source(source, {"database": keys}) == "1"


def test_job_fails_with_the_servers_words_and_without_the_password(
    workspace: Workspace, documents: str, keys: str
) -> None:
    def failure(content: str, language: str) -> dict[str, str]:
        job = workspace.ended(workspace.start(workspace.deploy(content, language=language), {}))
        assert not job["success"]
        assert PASSWORD not in json.dumps(job)
        error: dict[str, str] = job["result"]["error"]
        return error

    error = failure(f"# database {documents}\ncollection: a\naggregate: [{{$nope: 1}}]", "mongodb")
    assert error["name"] == "QueryFailed"
    assert error["message"].startswith("Line 2: ")
    error = failure(f"# database {keys}\nSET s x\nLPUSH s y", "redis")
    assert (error["name"], error["message"][:27]) == ("QueryFailed", "Line 3, LPUSH: WRONGTYPE Op")
    assert failure("PING", "upstash")["message"].startswith("Missing database argument")


def test_canceled_job_is_ended_on_the_server(workspace: Workspace, keys: str, redis: KeyServer) -> None:
    job = workspace.start(workspace.deploy(f"# database {keys}\nBLPOP never 0", language="redis"), {})
    while b"cmd=blpop" not in redis.ask("CLIENT", "LIST"):
        pass
    workspace.post(f"jobs_u/queue/cancel/{job}", {"reason": "enough"})
    assert workspace.ended(job)["canceled"]
    while b"cmd=blpop" in redis.ask("CLIENT", "LIST"):
        pass
