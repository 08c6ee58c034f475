"""A small process that keeps one child forked ahead: each child runs one job and ends. Plain Python, no isolation.

Argument: the descriptor of a SOCK_SEQPACKET socket on which jobs (JSON arguments) come and results go. The script is on
standard input, and is compiled once.
"""

import gc
import json
import os
import socket
import sys


def main() -> None:
    jobs = socket.socket(fileno=int(sys.argv[1]))
    code = compile(sys.stdin.read(), "script", "exec")
    gc.collect()
    gc.freeze()
    while True:
        taken, take = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(taken)
            args = jobs.recv(1 << 20)
            os.write(take, b"s")
            if args:
                names: dict[str, object] = {"__name__": "main"}
                exec(code, names)
                result = names["main"](**json.loads(args))  # type: ignore[operator]
                jobs.send(json.dumps(result).encode())
            os._exit(0 if args else 9)
        os.close(take)
        os.read(taken, 1)
        os.close(taken)
        reap(child)


def reap(newest: int) -> None:
    """Take note of the children that have ended; end with a child that found the socket closed."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if os.waitstatus_to_exitcode(status) == 9:
                os._exit(0)
    except ChildProcessError:
        return


if __name__ == "__main__":
    main()
