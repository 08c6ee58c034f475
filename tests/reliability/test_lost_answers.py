"""A07, and what a broken line to the database does: an answer that is lost never makes a job twice, or none."""

import threading
from uuid import UUID

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.reliability.fault_proxy import FaultProxy, fault_proxy
from tests.reliability.harness import DETECTED_S, SLACK_S, SOAK, Chaosbox, until

REQUESTS = 400 if SOAK else 40
NOOP = {"content": "exit 0", "language": "bash", "args": {}}
FEW_TRIES = 50


def through(box: Chaosbox, proxy: FaultProxy) -> str:
    """The connection string that leads through `proxy`."""
    return make_conninfo(box.dsn, host=proxy.host, port=proxy.port)


def socket_of(box: Chaosbox) -> str:
    facts = conninfo_to_dict(box.dsn)
    return f"{facts['host']}/.s.PGSQL.{facts.get('port', 5432)}"


def insist(box: Chaosbox, url: str, key: str | None, body: object) -> str:
    """Send the same request until an answer comes."""
    headers = {"Idempotency-Key": key} if key else {}
    for _ in range(FEW_TRIES):
        try:
            with box.client(url=url) as client:
                answer = client.post("jobs/run/preview", json=body, headers=headers)
        except httpx.TransportError:
            continue
        if answer.status_code == 409:  # the earlier try is still at it
            continue
        assert answer.status_code == 201, answer.text
        return answer.text
    raise AssertionError("no answer came through")


@pytest.mark.parametrize("keyed", [True, False], ids=["with a key", "control without one"])
def test_a_repeated_request_makes_one_job(box: Chaosbox, *, keyed: bool) -> None:
    """A07: three of ten answers are lost on the way, and the client sends its request again."""
    box.start_server()
    with fault_proxy(("127.0.0.1", box.port)) as proxy:
        proxy.faults.lose_answers = 0.3
        url = f"http://{proxy.host}:{proxy.port}"
        answers: list[str] = []

        def send(numbers: range) -> None:
            answers.extend(insist(box, url, f"key {n}" if keyed else None, {**NOOP, "args": {"n": n}}) for n in numbers)

        threads = [threading.Thread(target=send, args=(range(n, REQUESTS, 4),)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert proxy.cuts > 0
    box.accepted += [UUID(answer) for answer in answers]
    (row,) = box.rows("select count(*) as jobs from job")
    assert len(set(answers)) == REQUESTS
    assert (row["jobs"] == REQUESTS) == keyed


def test_a_key_belongs_to_its_request_and_its_caller(box: Chaosbox) -> None:
    """A07: another body is refused, however the first went."""
    box.start_server()
    first = insist(box, box.url, "one", NOOP)
    with box.client() as client:
        answer = client.post("jobs/run/preview", json={**NOOP, "args": {"x": 1}}, headers={"Idempotency-Key": "one"})
    assert answer.status_code == 422, answer.text
    assert insist(box, box.url, "one", NOOP) == first


def test_a_commit_whose_answer_is_lost_is_found_by_its_key(box: Chaosbox) -> None:
    """The line to Postgres is cut after COMMIT, before the answer: the server says 503, and a repeat finds the job."""
    with fault_proxy(socket_of(box)) as proxy:
        box.start_server(DATABASE_URL=through(box, proxy))
        proxy.faults.cut_after = b"COMMIT"
        with box.client() as client:
            answer = client.post("jobs/run/preview", json=NOOP, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 503, answer.text
        assert "retry-after" in answer.headers
        assert "Traceback" not in answer.text
        proxy.faults.cut_after = b""
        job = insist(box, box.url, "k", NOOP)
    (row,) = box.rows("select count(*) as jobs, min(id::text) as id from job")
    assert row == {"jobs": 1, "id": job}


@pytest.mark.parametrize("fault", ["half-open", "reset"])
def test_a_worker_cut_off_from_the_database_gives_its_job_up_in_time(box: Chaosbox, fault: str) -> None:
    """P4: no heartbeat comes through, so its job dies before another worker starts it; afterwards it works again."""
    box.start_server()
    with fault_proxy(socket_of(box)) as proxy:
        cut_off = box.start_worker(DATABASE_URL=through(box, proxy))
        job = box.tick(600)
        until(lambda: len(box.effects) > 5)
        box.start_worker()
        if fault == "half-open":
            proxy.faults.swallow = {"up", "down"}
        else:
            proxy.faults.refuse = True
            proxy.reset_all()
        until(lambda: len(box.starts(job)) == 2, DETECTED_S + 5 + SLACK_S, what="another worker takes it over")
        box.cancel(job)
        assert box.ended(job)["state"] == "canceled"
        proxy.faults.swallow, proxy.faults.refuse = set(), False
        proxy.reset_all()
        assert cut_off.is_alive()
        assert box.ended(box.tick(0))["state"] == "success"
