"""A process that was confined computes and talks over its socket, and can do nothing else."""

import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have limits only")

PROGRAM = """
import ctypes, mmap, os, signal, socket, subprocess, sys, threading, time
from tidemill.sandbox.confinement import confine
sock = socket.socket(fileno=int(sys.argv[1]))
other = os.dup(sock.fileno())
parent = os.getppid()
libc = ctypes.CDLL(None, use_errno=True)
confine(keep=(2, sock.fileno()), more_memory_bytes=64 * 1024 * 1024, cpu_s=60)

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

attempts = {
    "read a file": lambda: open("/etc/passwd"),
    "write a file": lambda: open("/tmp/tidemill-confined", "w"),
    "list a directory": lambda: os.listdir("/"),
    "look at a file": lambda: os.stat("/etc/passwd"),
    "remove a file": lambda: os.unlink("/tmp/tidemill-confined"),
    "open a socket": lambda: socket.socket(),
    "resolve a name": lambda: socket.getaddrinfo("localhost", 80),
    "start a program": lambda: subprocess.run(["/bin/true"]),
    "replace itself": lambda: os.execv("/bin/true", ["true"]),
    "fork": lambda: os.fork(),
    "start a thread": lambda: threading.Thread(target=int).start(),
    "signal its parent": lambda: os.kill(parent, 0),
    "use another descriptor": lambda: os.write(other, b"x"),
    "copy a descriptor": lambda: os.dup(sock.fileno()),
    "become root": lambda: os.setuid(0),
    "make a pipe": lambda: os.pipe(),
    "make a file in memory": lambda: os.memfd_create("x"),
    "trace": lambda: call(101 if os.uname().machine == "x86_64" else 117, 16, parent, 0, 0),
    "make an io_uring": lambda: call(425, 1, 0),
    "take much memory": lambda: bytearray(100 * 1024 * 1024),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except (OSError, MemoryError, RuntimeError, LookupError):
        continue
    sock.sendall(f"{name}; ".encode())
sum(range(100_000)); time.sleep(0.001); bytearray(10 * 1024 * 1024)
sock.sendall(b"done")
os._exit(7)
"""


def test_only_the_socket_is_left() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                (sys.executable, "-I", "-c", PROGRAM, str(theirs.fileno())), pass_fds=(theirs.fileno(),), env={}
            )
        said = b""
        while piece := ours.recv(4096):
            said += piece
    assert (said.decode(), process.wait()) == ("done", 7)
