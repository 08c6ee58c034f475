"""The bare loop: claim, hand the job to a child that was forked ahead, commit its result. `… DSN SCRIPT`.

Each line on stdin is the tag of a backlog; when it is empty the times of its jobs (in seconds) are printed as JSON.
"""

import json
import socket
import subprocess
import sys
import time

from bench.raw.queue import CLAIM, COMPLETE, connect


def main() -> None:
    connection = connect(sys.argv[1])
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    forker = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _START, str(theirs.fileno())],
        stdin=subprocess.PIPE,
        pass_fds=[theirs.fileno()],
        cwd="/",
    )
    theirs.close()
    assert forker.stdin is not None
    forker.stdin.write(sys.argv[2].encode())
    forker.stdin.close()
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        began = time.perf_counter()
        while (row := connection.execute(CLAIM, [line.strip()]).fetchone()) is not None:
            ours.send(b"{}")
            connection.execute(COMPLETE, [*row, ours.recv(1 << 20).decode()])
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
        print(json.dumps(times), flush=True)
    ours.close()
    forker.wait()


_START = f"import runpy; runpy.run_path({__file__.replace('warm.py', 'forker.py')!r}, run_name='__main__')"


if __name__ == "__main__":
    main()
