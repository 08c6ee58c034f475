"""A20: a job that prints as fast as it can, viewers that never read, a result that is too large: others go on.

So they do beside targets that never answer, of jobs and of the server itself, uploads that stop half way, and downloads
that nobody reads. How much longer others take meanwhile is measured by `python -m bench --only beside`.

`TIDEMILL_SOAK=1` prints a gigabyte and returns 500 MB.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from tests.processes import forget_peak, peak_bytes
from tests.reliability.harness import PATIENCE_S, SOAK, Chaosbox, Process, until

MIB = 1024 * 1024
PRINTED = (1024 if SOAK else 64) * MIB
RETURNED = (500 if SOAK else 160) * MIB
KEPT = 4 * MIB
VIEWERS = 10
SERVER_MAY_GROW, WORKER_MAY_GROW = 50 * MIB, 100 * MIB


@contextmanager
def bounded(process: Process, allowed: int) -> Iterator[None]:
    """The process needs at most so much more memory in the block than it had."""
    forget_peak(process.pid)
    before = peak_bytes(process.pid)
    yield
    assert peak_bytes(process.pid) - before <= allowed, process.kind


def watch(box: Chaosbox, job: str) -> socket.socket:
    """A viewer of the job that asks for its events and never reads any."""
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    viewer.connect(("127.0.0.1", box.port))
    lines = [
        f"GET /api/w/main/jobs_u/getupdate_sse/{job} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {box.token}",
    ]
    viewer.sendall("\r\n".join([*lines, "", ""]).encode())
    return viewer


def request(box: Chaosbox, line: str, *, size_bytes: int = 0, sends: bytes = b"") -> socket.socket:
    """A request that is begun: its body announced, and as much sent of it; nobody reads the answer."""
    caller = socket.socket()
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    caller.connect(("127.0.0.1", box.port))
    lines = [f"{line} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {box.token}"]
    caller.sendall("\r\n".join([*lines, f"Content-Length: {size_bytes}", "", ""]).encode() + sends)
    return caller


def heard(target: socket.socket, text: bytes) -> socket.socket:
    """The next connection to it, once it has said so much; it will never get an answer."""
    target.settimeout(PATIENCE_S)
    connection, _ = target.accept()
    connection.settimeout(PATIENCE_S)
    said = b""
    while text not in said:
        piece = connection.recv(4096)
        assert piece, said
        said += piece
    return connection


def make_hanging_storage(box: Chaosbox, port: int) -> None:
    """The storage `hanging`, in a bucket whose server takes requests and never answers."""
    value = {"bucket": "data", "endPoint": f"http://127.0.0.1:{port}", "accessKey": "a", "secretKey": "b"}
    storage = {"type": "S3Storage", "s3_resource_path": "u/admin/hanging"}
    with box.client() as client:
        for route, body in (
            ("resources/create", {"path": "u/admin/hanging", "resource_type": "s3", "value": value}),
            (
                "workspaces/edit_large_file_storage_config",
                {"large_file_storage": {"secondary_storage": {"hanging": storage}}},
            ),
        ):
            answer = client.post(route, json=body)
            assert answer.is_success, answer.text


def test_what_hangs_holds_up_only_who_waits_for_it(box: Chaosbox) -> None:
    server = box.start_server(TIDEMILL_RESOURCE_EGRESS="host")
    worker = box.start_worker()
    assert box.ended(box.preview("echo up"))["state"] == "success"
    large = "POST /api/w/main/job_helpers/upload_s3_file?file_key=f/"
    with box.client() as client:
        put = client.post("job_helpers/upload_s3_file", params={"file_key": "f/large"}, content=bytes(32 * MIB))
        assert put.is_success, put.text
    with ExitStack() as held:
        target = held.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        port = target.getsockname()[1]
        make_hanging_storage(box, port)
        held.enter_context(bounded(server, SERVER_MAY_GROW))
        held.enter_context(bounded(worker, WORKER_MAY_GROW))
        calling = f'exec 3<>/dev/tcp/127.0.0.1/{port}; echo "POST /webhook HTTP/1.1" >&3; cat <&3'
        webhooks = [box.preview(calling) for _ in range(2)]
        for _ in webhooks:
            held.enter_context(closing(heard(target, b"/webhook")))
        get = "GET /api/w/main/job_helpers/download_s3_file?file_key=f/large"
        held.enter_context(closing(request(box, f"{get}&storage=hanging")))
        held.enter_context(closing(heard(target, b"/data/f/large")))
        for number in range(VIEWERS):
            held.enter_context(closing(request(box, get)))
            held.enter_context(closing(request(box, f"{large}{number}", size_bytes=10 * MIB, sends=bytes(MIB))))
        others = [box.preview(f"echo {number}") for number in range(5)]
        assert [box.ended(each)["state"] for each in others] == ["success"] * 5
        assert all(box.is_running(each) for each in webhooks)
        for each in webhooks:
            box.cancel(each)
            assert box.ended(each)["state"] == "canceled"
        until(box.answers, what="the server answers")


def test_who_takes_nothing_and_who_gives_too_much_holds_up_nobody(box: Chaosbox) -> None:
    server, worker = box.start_server(), box.start_worker(TIDEMILL_MAX_LOG_BYTES=str(KEPT))
    assert box.ended(box.preview("echo up"))["state"] == "success"  # what is made once is there now
    with ExitStack() as held:
        held.enter_context(bounded(server, SERVER_MAY_GROW))
        held.enter_context(bounded(worker, WORKER_MAY_GROW))
        printing = box.preview(f"yes 'a line that says nothing' | head -c {PRINTED}; echo printed")
        for _ in range(VIEWERS):
            held.enter_context(closing(watch(box, printing)))
        returning = box.preview(f"head -c {RETURNED} /dev/zero | tr '\\0' 1 > result.json")
        others = [box.preview(f"echo {number}") for number in range(5)]
        assert [box.ended(each)["state"] for each in others] == ["success"] * 5
        assert box.ended(printing)["state"] == "success"
        too_large = box.ended(returning)
        until(box.answers, what="the server answers")
    log = box.log_of(printing)
    assert KEPT <= len(log) <= KEPT + 1000
    assert f"more than {KEPT} bytes (TIDEMILL_MAX_LOG_BYTES)" in log
    assert too_large["state"] == "failure"
    assert "TIDEMILL_MAX_VALUE_BYTES" in too_large["result"]
