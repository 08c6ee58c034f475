"""A20: a job that prints as fast as it can, viewers that never read, a result that is too large: others go on.

`TIDEMILL_SOAK=1` prints a gigabyte and returns 500 MB.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from tests.processes import forget_peak, peak_bytes
from tests.reliability.harness import SOAK, Chaosbox, Process, until

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
