"""The helper package against a small real server that keeps the rules of compare-and-set and leases."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import tidemill_client
import wmill
from tidemill_client import LeaseHeld, LeaseLost, TidemillClientError, VersionMismatch

STATE = "u/alice/count/user"
GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "guides" / "state.md"


class Rules:
    """What the server promises: versions grow by one, a write names the version it read, one holder a lease."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.resources: dict[str, tuple[Any, int]] = {}
        self.types: dict[str, str] = {}
        self.leases: dict[str, dict[str, Any]] = {}
        self.fences: dict[str, int] = {}
        self.requests: list[tuple[str, str]] = []
        self.fail_reads_with: int | None = None
        self.intruders = 0  # so many writes find that somebody else was faster
        self.versions_told = True
        self.fail_renewals = False

    def get(self, path: str) -> tuple[int, Any, int | None]:
        if self.fail_reads_with is not None:
            return self.fail_reads_with, {"code": "internal", "message": "the database is away"}, None
        if path not in self.resources:
            return 404, f"not found: {path}", None
        value, version = self.resources[path]
        return 200, value, version if self.versions_told else None

    def update(self, path: str, body: Any, if_match: str | None) -> tuple[int, Any, int | None]:
        if path not in self.resources:
            return 404, "not found", None
        value, version = self.resources[path]
        if self.intruders:
            self.intruders -= 1
            version += 1
            self.resources[path] = (value, version)
        if if_match is not None and if_match != f'"{version}"':
            return 409, {"code": "version_mismatch", "message": "another version is there"}, version
        self.resources[path] = (body["value"], version + 1)
        return 200, "updated", version + 1

    def create(self, body: Any, if_none_match: str | None) -> tuple[int, Any, int | None]:
        path = body["path"]
        if path in self.resources:
            assert if_none_match == "*"
            return 409, "already there", self.resources[path][1]
        self.resources[path] = (body["value"], 1)
        self.types[path] = body["resource_type"]
        return 201, "created", 1

    def acquire(self, path: str, body: Any) -> tuple[int, Any, int | None]:
        held = self.leases.get(path)
        if held is not None:
            return 409, {"holder": held["holder"], "expires_at": held["expires_at"]}, None
        return 200, self.grant(path, body.get("holder", "somebody")), None

    def grant(self, path: str, holder: str) -> dict[str, Any]:
        self.fences[path] = self.fences.get(path, 0) + 1
        granted = {"path": path, "holder": holder, "fence": self.fences[path], "expires_at": "2030-01-01T00:00:00Z"}
        self.leases[path] = granted
        return granted

    def renew(self, path: str, body: Any) -> tuple[int, Any, int | None]:
        return (503, "not now", None) if self.fail_renewals else self.own(path, body)

    def own(self, path: str, body: Any) -> tuple[int, Any, int | None]:
        held = self.leases.get(path)
        return (200, held, None) if held and held["fence"] == body["fence"] else (409, "lost", None)

    def release(self, path: str, body: Any) -> tuple[int, Any, int | None]:
        status, told, _ = self.own(path, body)
        if status == 200:
            del self.leases[path]
        return status, told, None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rules: Rules

    def do_GET(self) -> None:
        self.answer(None)

    def do_POST(self) -> None:
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, body: Any) -> None:
        assert self.headers["Authorization"] == "Bearer secret"
        kind, _, rest = unquote(self.path).removeprefix("/api/w/demo/").partition("/")
        verb, _, path = rest.partition("/")
        with self.rules.lock:
            self.rules.requests.append((f"{kind}/{verb}", path))
            status, told, version = self.act(f"{kind}/{verb}", path, body)
        raw = json.dumps(told).encode() if not isinstance(told, str) or status == 200 else told.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        if version is not None:
            self.send_header("ETag", f'"{version}"')
        self.end_headers()
        self.wfile.write(raw)

    def act(self, route: str, path: str, body: Any) -> tuple[int, Any, int | None]:
        match route:
            case "resources/get_value" | "resources/get_value_interpolated" | "resources/get":
                return self.rules.get(path)
            case "resources/update_value":
                return self.rules.update(path, body, self.headers["If-Match"])
            case "resources/create":
                return self.rules.create(body, self.headers["If-None-Match"])
            case "leases/acquire":
                return self.rules.acquire(path, body)
            case "leases/renew":
                return self.rules.renew(path, body)
            case "leases/release":
                return self.rules.release(path, body)
        return 400, f"no such route: {route}", None

    def log_message(self, *_: Any) -> None:
        pass


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rules]:
    made = Rules()
    server = Listener(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"rules": made}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    for name in ("WM_MOCKED_API_FILE", "WM_STATE_PATH_NEW", "WM_JOB_ATTEMPT", "WM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BASE_INTERNAL_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("WM_TOKEN", "secret")
    monkeypatch.setenv("WM_WORKSPACE", "demo")
    monkeypatch.setenv("WM_STATE_PATH", STATE)
    monkeypatch.setattr(wmill.client, "_client", None)
    yield made
    if wmill.client._client is not None:
        wmill.client._client.client.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_first_update_creates_the_state_from_the_default(rules: Rules) -> None:
    assert tidemill_client.update_state(lambda old: [*old, 1], default=[]) == [1]
    assert rules.resources[STATE] == ([1], 1)
    assert rules.types[STATE] == "state"


def test_state_is_read_with_its_version(rules: Rules) -> None:
    assert tidemill_client.get_state_versioned() == (None, 0)
    rules.resources[STATE] = ({"a": 1}, 7)
    assert tidemill_client.get_state_versioned() == ({"a": 1}, 7)


def test_twenty_threads_increment_to_the_exact_sum(rules: Rules) -> None:
    with ThreadPoolExecutor(20) as pool:
        for counted in [pool.submit(tidemill_client.increment, "n") for _ in range(60)]:
            counted.result()
    value, version = rules.resources[STATE]
    assert value == {"n": 60}
    assert version == 60, "each write that was acknowledged is one version"


def test_increment_keeps_the_other_keys(rules: Rules) -> None:
    rules.resources[STATE] = ({"n": 2**60, "name": "x"}, 3)
    assert tidemill_client.increment("n", 5) == 2**60 + 5
    assert rules.resources[STATE] == ({"n": 2**60 + 5, "name": "x"}, 4)


def test_increment_of_a_path_counts_in_a_whole_resource(rules: Rules) -> None:
    assert tidemill_client.increment("f/shop/orders", by=2) == 2
    assert tidemill_client.increment("f/shop/orders", by=0.5) == 2.5
    assert rules.types["f/shop/orders"] == "any"


@pytest.mark.parametrize("state", ["text", 5, None, [1], {"n": "5"}, {"n": True}, {"n": None}])
def test_increment_refuses_what_is_no_number(rules: Rules, state: object) -> None:
    rules.resources[STATE] = (state, 1)
    with pytest.raises(TidemillClientError) as caught:
        tidemill_client.increment("n")
    assert caught.value.code == "not_a_number"
    assert rules.resources[STATE] == (state, 1)


def test_update_is_repeated_on_what_another_writer_left(rules: Rules) -> None:
    rules.resources[STATE] = (1, 1)
    rules.intruders = 3
    assert tidemill_client.update_state(lambda n: n + 1) == 2
    assert rules.resources[STATE] == (2, 5)


def test_update_gives_up_after_the_attempts_with_the_current_version(rules: Rules) -> None:
    rules.resources[STATE] = (1, 1)
    rules.intruders = 100
    with pytest.raises(VersionMismatch) as caught:
        tidemill_client.update_state(lambda n: n + 1, attempts=3)
    assert caught.value.code == "version_mismatch"
    assert caught.value.current == 4
    assert rules.resources[STATE] == (1, 4)


def test_default_is_not_changed_by_a_function_that_mutates(rules: Rules) -> None:
    default: list[int] = []

    def append(old: list[int]) -> list[int]:
        old.append(1)
        return old

    tidemill_client.update_state(append, "u/alice/a", default=default)
    tidemill_client.update_state(append, "u/alice/b", default=default)
    assert default == []
    assert rules.resources["u/alice/b"] == ([1], 1)


def test_function_that_forgets_to_return_does_not_erase_the_state(rules: Rules) -> None:
    rules.resources[STATE] = ({"a": 1}, 1)
    with pytest.raises(TidemillClientError) as caught:
        tidemill_client.update_state(lambda state: state.update(a=2))
    assert caught.value.code == "no_value"
    assert rules.resources[STATE] == ({"a": 1}, 1)


def test_failed_read_raises_and_writes_nothing(rules: Rules) -> None:
    rules.fail_reads_with = 500
    with pytest.raises(TidemillClientError) as caught:
        tidemill_client.update_state(lambda _: 1)
    assert (caught.value.code, caught.value.status) == ("internal", 500)
    assert "the database is away" in str(caught.value)
    assert rules.resources == {}


def test_server_without_versions_is_refused(rules: Rules) -> None:
    rules.resources[STATE] = (1, 1)
    rules.versions_told = False
    with pytest.raises(TidemillClientError) as caught:
        tidemill_client.update_state(lambda n: n + 1)
    assert caught.value.code == "no_version"


def test_server_that_is_away_is_told_from_one_that_refuses(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_INTERNAL_URL", "http://127.0.0.1:1")
    with pytest.raises(TidemillClientError) as caught:
        tidemill_client.get_state_versioned()
    assert (caught.value.code, caught.value.status) == ("unavailable", None)


def test_resource_must_be_there_to_be_updated(rules: Rules) -> None:
    with pytest.raises(TidemillClientError) as caught:
        tidemill_client.update_resource("u/alice/none", lambda old: old)
    assert caught.value.code == "not_found"
    rules.resources["u/alice/my db"] = ({"host": "a", "password": "$var:u/alice/pw"}, 1)
    tidemill_client.update_resource("u/alice/my db", lambda old: old | {"host": "b"})
    assert rules.resources["u/alice/my db"] == ({"host": "b", "password": "$var:u/alice/pw"}, 2)


def test_outside_of_a_job_the_state_needs_a_path(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WM_STATE_PATH")
    with pytest.raises(TidemillClientError) as caught:
        tidemill_client.update_state(lambda _: 1)
    assert caught.value.code == "no_state_path"


def test_mocked_api_is_changed_in_memory_only(rules: Rules, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mocked = tmp_path / "mocked.json"
    mocked.write_text(json.dumps({"resources": {STATE: {"n": 4}}}))
    monkeypatch.setenv("WM_MOCKED_API_FILE", str(mocked))
    assert tidemill_client.increment("n") == 5
    assert wmill.get_state() == {"n": 5}
    assert rules.requests == []


def test_lease_has_one_holder_and_a_growing_fence(rules: Rules) -> None:
    with tidemill_client.lease("u/alice/nightly") as first:
        assert first.fence == 1
        with pytest.raises(LeaseHeld) as caught, tidemill_client.lease("u/alice/nightly", wait_s=0):
            pytest.fail("two holders")
        assert caught.value.holder == first.holder
    with tidemill_client.lease("u/alice/nightly") as second:
        assert second.fence == 2
    assert rules.leases == {}


def test_waiting_for_a_lease_ends_when_it_is_given_back(rules: Rules) -> None:
    rules.grant("u/alice/nightly", "other")
    with ThreadPoolExecutor(1) as pool:

        def run() -> int:
            with tidemill_client.lease("u/alice/nightly") as held:
                return held.fence

        waiting = pool.submit(run)
        with rules.lock:
            rules.leases.clear()
        assert waiting.result(30) == 2


def test_lease_is_renewed_while_it_is_held(rules: Rules) -> None:
    with tidemill_client.lease("u/alice/nightly", ttl_s=30) as held:
        held.renew()
        assert not held.is_lost
    assert ("leases/renew", "u/alice/nightly") in rules.requests


def test_expired_lease_is_noticed_by_the_renewing_thread(rules: Rules) -> None:
    def run() -> None:
        with tidemill_client.lease("u/alice/nightly", ttl_s=0.3) as held:
            with rules.lock:
                rules.grant("u/alice/nightly", "other")
            assert held.wait_lost(30)
            with pytest.raises(LeaseLost):
                held.check()
            held.fence  # noqa: B018

    with pytest.raises(LeaseLost):
        run()
    assert rules.leases["u/alice/nightly"]["holder"] == "other", "the lease of the other is left alone"


def test_lease_that_cannot_be_renewed_ends_with_its_time(rules: Rules, caplog: pytest.LogCaptureFixture) -> None:
    rules.fail_renewals = True
    with pytest.raises(LeaseLost), tidemill_client.lease("u/alice/nightly", ttl_s=0.3) as held:
        assert held.wait_lost(30)
    assert "could not be renewed" in caplog.text


def test_lease_lost_unnoticed_is_told_when_the_block_ends(rules: Rules) -> None:
    with pytest.raises(LeaseLost), tidemill_client.lease("u/alice/nightly"), rules.lock:
        rules.grant("u/alice/nightly", "other")


def test_error_of_the_block_passes_and_the_lease_is_given_back(rules: Rules) -> None:
    with pytest.raises(ZeroDivisionError), tidemill_client.lease("u/alice/nightly"):
        1 / 0  # noqa: B018
    assert rules.leases == {}


def test_attempt_of_the_job_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WM_JOB_ATTEMPT", raising=False)
    assert tidemill_client.job_attempt() == 1
    monkeypatch.setenv("WM_JOB_ATTEMPT", "3")
    assert tidemill_client.job_attempt() == 3


@pytest.mark.parametrize("script", re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL))
def test_example_of_the_guide_runs(rules: Rules, script: str) -> None:
    names: dict[str, Any] = {}
    exec(compile(script, "example", "exec"), names)
    names["main"]()
    assert rules.requests
