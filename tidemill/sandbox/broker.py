"""The broker of one sandbox: answers its `connect` and `listen`, and relays its names. Runs as a process of its own.

The sandbox lives in an empty network namespace. Its `connect` and `listen` stop in the kernel and arrive here (seccomp
user notification). Nothing is ever "continued": the broker takes its own duplicate of the socket and its own copy of
the address and does the call itself, so a job that swaps either meanwhile gains nothing.

- A socket connected to the outside is made here, in the host's namespace, and put into the job in place of its own.
  Only TCP leaves this way: a datagram socket could be pointed elsewhere later without asking.
- Anything for the sandbox's own loopback is done on the job's own socket, and so stays inside.
- Unix sockets are looked up beneath the job's own root.

It runs under the user id of the job, outside of its namespaces, without any secret.
"""

import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tidemill.engine.addresses import HOST, Address, Policy, plain
from tidemill.sandbox import kernel
from tidemill.sandbox.names import NameRelay, loopback_socket
from tidemill.sandbox.seccomp import NUMBERS

_RECEIVE: Final = 0xC050_2100
_ANSWER: Final = 0xC018_2101
_IS_VALID: Final = 0x4008_2102
_ADD_DESCRIPTOR: Final = 0x4018_2103
_REPLACE: Final = 1  # SECCOMP_ADDFD_FLAG_SETFD

_QUESTION: Final = struct.Struct("=QII iI Q 6Q")
_CONNECT_LIMIT_S: Final = 127.0
_MOST_NOTES: Final = 20
_NAME_PORT: Final = 53
_TCP: Final = (0, socket.IPPROTO_TCP, 262)
_TCP_SYN_SENT: Final = 2
_O_CLOEXEC: Final = os.O_CLOEXEC
_RESOLVE_IN_ROOT: Final = 0x10
_OPENAT2: Final = 437
_O_PATH: Final = getattr(os, "O_PATH", 0)

# Options that a program may have set before it connected, copied to the socket that replaces its own.
_COPIED_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    (socket.SOL_SOCKET, socket.SO_RCVBUF),
    (socket.SOL_SOCKET, socket.SO_SNDBUF),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", 4)),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPINTVL", 5)),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPCNT", 6)),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", 18)),
)
_DOUBLED_BY_THE_KERNEL: Final = (socket.SO_RCVBUF, socket.SO_SNDBUF)
_TIME_OPTIONS: Final = (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Where connections may go."""

    policy: Policy
    api_port: int
    api: tuple[str, int]
    resolvers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One stopped system call."""

    id: int
    pid: int
    number: int
    arguments: tuple[int, ...]


class Broker:
    """Answers the questions of one sandbox until it is killed."""

    def __init__(self, listener: int, routes: Routes, *, machine: str, note: Callable[[str], None]) -> None:
        self._listener = listener
        self._routes = routes
        self._note = note
        self._noted: set[tuple[str, int]] = set()
        self._connect_number = NUMBERS[machine]["connect"]
        self._names_started = False
        self._names_lock = threading.Lock()
        with socket.socket() as probe:
            self._own_cookie = _cookie(probe)

    def serve(self) -> None:
        """Answer for ever."""
        while True:
            question = self._receive()
            if question is not None:
                self._begin(question)

    def _receive(self) -> Question | None:
        buffer = bytearray(_QUESTION.size)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, buffer)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.EINTR}:  # who asked is gone
                return None
            raise
        number_id, pid, _, number, _, _, *arguments = _QUESTION.unpack(buffer)
        return Question(number_id, pid, number, tuple(arguments))

    def _begin(self, question: Question) -> None:
        """Do it here when it cannot wait, else in a thread."""
        try:
            sock = self._socket_of(question)
        except OSError as error:
            self._answer(question, error.errno or errno.EBADF)
            return
        if _is_blocking(sock):
            threading.Thread(target=self._handle, args=(question, sock), daemon=True).start()
        else:
            self._handle(question, sock)

    def _socket_of(self, question: Question) -> socket.socket:
        """Our duplicate of the socket that the call is about."""
        pidfd = kernel.pidfd_of(question.pid)
        try:
            descriptor = kernel.take_descriptor(pidfd, question.arguments[0] & 0xFFFF_FFFF)
        finally:
            os.close(pidfd)
        try:
            return socket.socket(fileno=descriptor)
        except OSError:
            os.close(descriptor)
            raise

    def _handle(self, question: Question, sock: socket.socket) -> None:
        with sock:
            try:
                if question.number == self._connect_number:
                    self._connect(question, sock)
                else:
                    self._listen(question, sock)
            except OSError as error:
                self._answer(question, error.errno or errno.EIO)
            except (ValueError, struct.error):
                self._answer(question, errno.EINVAL)

    def _listen(self, question: Question, sock: socket.socket) -> None:
        """A job may listen on its own loopback, never on the host."""
        if self._is_ours(sock):
            raise OSError(errno.EACCES, "listen")
        sock.listen(min(question.arguments[1] & 0x7FFF_FFFF, 4096))
        self._answer(question, 0)

    def _connect(self, question: Question, sock: socket.socket) -> None:
        raw = self._address(question)
        (family,) = struct.unpack_from("=H", raw)
        if sock.family == socket.AF_UNIX:
            _connect_unix(question.pid, sock, raw)
            self._answer(question, 0)
        elif sock.family not in {socket.AF_INET, socket.AF_INET6}:
            raise OSError(errno.EAFNOSUPPORT, "connect")
        elif family == socket.AF_UNSPEC:
            if self._is_ours(sock):
                raise OSError(errno.EOPNOTSUPP, "connect")
            self._inside(question, sock, raw)
        else:
            self._connect_inet(question, sock, raw)

    def _connect_inet(self, question: Question, sock: socket.socket, raw: bytes) -> None:
        target = _parse(raw)
        address, port = plain(target[0]), target[1]
        is_here = _is_here(address)
        if sock.type != socket.SOCK_STREAM:
            self._datagram(question, sock, raw, stays=is_here)
            return
        if sock.proto not in _TCP:
            raise OSError(errno.EACCES, "connect")
        destination = self._destination(target, address, port)
        if destination is None and is_here:
            self._inside(question, sock, raw)
        elif destination is None:
            raise OSError(errno.EACCES, "connect")
        else:
            self._outside(question, sock, destination)

    def _destination(self, target: tuple[str, int], address: Address, port: int) -> tuple[str, int] | None:
        """Where on the outside this goes; None when it may not."""
        if _is_here(address):
            if port == self._routes.api_port and port:
                return self._routes.api
            if port == _NAME_PORT and self._routes.resolvers:
                return self._routes.resolvers[0], port
            return target if self._routes.policy.lets_through(address, port) else None
        if port == _NAME_PORT and str(address) in self._routes.resolvers:
            return target
        why = self._routes.policy.refusal(address, port)
        if not why and not self._routes.policy.lets_through(address, port) and _is_of_this_host(address):
            why = HOST
        if why:
            self._tell(address, port, why)
            return None
        return target

    def _datagram(self, question: Question, sock: socket.socket, raw: bytes, *, stays: bool) -> None:
        """Datagrams reach the sandbox's own loopback only, where our relay answers for names."""
        if not stays:
            raise OSError(errno.ENETUNREACH, "connect")
        with self._names_lock:
            if not self._names_started:
                self._start_names(question.pid)
        self._inside(question, sock, raw)

    def _start_names(self, pid: int) -> None:
        self._names_started = True
        if self._routes.resolvers:
            inner = loopback_socket(pid, _NAME_PORT)
            relay = NameRelay(inner, self._routes.resolvers)
            threading.Thread(target=relay.serve, daemon=True).start()

    def _inside(self, question: Question, sock: socket.socket, raw: bytes) -> None:
        """Do the call on the job's own socket, in its own namespace."""
        if self._is_ours(sock):
            raise OSError(errno.ECONNREFUSED, "connect")
        _connect_raw(sock, raw)
        self._answer(question, 0)

    def _outside(self, question: Question, sock: socket.socket, destination: tuple[str, int]) -> None:
        """Connect a socket of the host's namespace and put it into the place of the job's."""
        if self._is_ours(sock) and (present := _state_of(sock)):
            raise OSError(present, "connect")
        with socket.socket(sock.family, socket.SOCK_STREAM) as ours:
            _copy_options(sock, ours)
            waits = _is_blocking(sock)
            ours.setblocking(False)
            result = ours.connect_ex(_in_family(destination, sock.family))
            if result == errno.EINPROGRESS and waits:
                result = self._wait_until_connected(question, ours, _patience(sock))
            if result not in {0, errno.EINPROGRESS}:
                raise OSError(result, "connect")
            ours.setblocking(waits)
            self._replace(question, ours)
            self._answer(question, result)

    def _wait_until_connected(self, question: Question, ours: socket.socket, patience_s: float) -> int:
        """The outcome of a connection under way; gives up when the caller did."""
        deadline = time.monotonic() + patience_s
        poll = select.poll()
        poll.register(ours, select.POLLOUT)
        while time.monotonic() < deadline and self._is_valid(question):
            if poll.poll(500):
                return ours.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return errno.ETIMEDOUT

    def _replace(self, question: Question, ours: socket.socket) -> None:
        number = question.arguments[0] & 0xFFFF_FFFF
        flags = _O_CLOEXEC if _closes_on_exec(question.pid, number) else 0
        fcntl.ioctl(
            self._listener,
            _ADD_DESCRIPTOR,
            struct.pack("=QIIII", question.id, _REPLACE, ours.fileno(), number, flags),
        )

    def _address(self, question: Question) -> bytes:
        """Our one copy of the address. Who asked must still be waiting afterwards, else we read a stranger's memory.

        Raises:
            OSError: EINVAL, EFAULT, or ENOENT when who asked is gone.
        """
        length = question.arguments[2] & 0xFFFF_FFFF
        if not 2 <= length <= 128:
            raise OSError(errno.EINVAL, "connect")
        raw = kernel.read_memory(question.pid, question.arguments[1], length)
        if not self._is_valid(question):
            raise OSError(errno.ENOENT, "connect")
        return raw

    def _is_valid(self, question: Question) -> bool:
        try:
            fcntl.ioctl(self._listener, _IS_VALID, kernel.pack_u64(question.id))
        except OSError:
            return False
        return True

    def _answer(self, question: Question, number: int) -> None:
        """Let the call return 0, or -1 with this errno. Who asked may be gone: then nobody listens."""
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._listener, _ANSWER, struct.pack("=QqiI", question.id, 0, -number, 0))

    def _is_ours(self, sock: socket.socket) -> bool:
        """Whether a job's socket is one that we gave it."""
        return sock.family != socket.AF_UNIX and _cookie(sock) == self._own_cookie

    def _tell(self, address: Address, port: int, why: str) -> None:
        """One line for each refused place in the job's output, and not too many."""
        key = (str(address), port)
        if key in self._noted or len(self._noted) >= _MOST_NOTES:
            return
        self._noted.add(key)
        shown = f"[{address}]" if address.version == 6 else str(address)
        entry = f"{address}/{address.max_prefixlen}"
        entry = f"[{entry}]:{port}" if address.version == 6 else f"{entry}:{port}"
        self._note(
            f"[tidemill] connection to {shown}:{port} was refused: {why} to jobs; "
            f"allow it with TIDEMILL_JOB_EGRESS_ALLOW={entry}\n"
        )


def _cookie(sock: socket.socket) -> bytes:
    """The network namespace of a socket, as a number that is never used twice."""
    return sock.getsockopt(socket.SOL_SOCKET, kernel.SO_NETNS_COOKIE, 8)


def _parse(raw: bytes) -> tuple[str, int]:
    """Address and port of a `sockaddr_in` or `sockaddr_in6`."""
    (family,) = struct.unpack_from("=H", raw)
    (port,) = struct.unpack_from("!H", raw, 2)
    if family == socket.AF_INET and len(raw) >= 16:
        return socket.inet_ntop(socket.AF_INET, raw[4:8]), port
    if family == socket.AF_INET6 and len(raw) >= 24:
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), port
    raise OSError(errno.EAFNOSUPPORT if family not in {socket.AF_INET, socket.AF_INET6} else errno.EINVAL, "connect")


def _is_here(address: Address) -> bool:
    """Loopback, and the "any" address, which Linux takes for loopback."""
    return address.is_loopback or address.is_unspecified


def _is_of_this_host(address: Address) -> bool:
    """Whether the host itself has this address: then one can bind to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _in_family(destination: tuple[str, int], family: int) -> tuple[str, int]:
    """An IPv4 destination as a socket of the other family wants it."""
    host, port = destination
    if family == socket.AF_INET6 and ":" not in host:
        return f"::ffff:{host}", port
    if family == socket.AF_INET and ":" in host:
        return str(plain(host)), port
    return destination


def _state_of(sock: socket.socket) -> int:
    """What another `connect` on a socket of ours must say; 0 when it may begin anew."""
    try:
        sock.getpeername()
    except OSError:
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        if state == _TCP_SYN_SENT:
            return errno.EALREADY
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.EISCONN


def _copy_options(source: socket.socket, target: socket.socket) -> None:
    """What the program set before it connected. An option that the kernel does not take is none that it needs."""
    for level, option in _COPIED_OPTIONS:
        with contextlib.suppress(OSError):
            value = source.getsockopt(level, option)
            if value != target.getsockopt(level, option):
                target.setsockopt(level, option, value // 2 if option in _DOUBLED_BY_THE_KERNEL else value)
    for option in _TIME_OPTIONS:
        with contextlib.suppress(OSError):
            target.setsockopt(socket.SOL_SOCKET, option, source.getsockopt(socket.SOL_SOCKET, option, 16))


def _patience(sock: socket.socket) -> float:
    """Seconds that a blocking `connect` may take: SO_SNDTIMEO, else as long as Linux does."""
    seconds, microseconds = struct.unpack("=qq", sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16))
    return float(seconds) + microseconds / 1e6 or _CONNECT_LIMIT_S


def _is_blocking(sock: socket.socket) -> bool:
    return not fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK


def _closes_on_exec(tid: int, descriptor: int) -> bool:
    """The flag is the job's, not the socket's, so only its fdinfo knows; where that is closed to us: yes."""
    try:
        with open(f"/proc/{tid}/fdinfo/{descriptor}", encoding="ascii") as file:  # noqa: PTH123 # as in kernel.py
            return any(int(line.split()[1], 8) & _O_CLOEXEC for line in file if line.startswith("flags:"))
    except OSError:
        return True


def _connect_unix(pid: int, sock: socket.socket, raw: bytes) -> None:
    """Connect the job's unix socket: abstract names in its own namespace, paths beneath its own root."""
    name = raw[2:]
    if not name:
        raise OSError(errno.EINVAL, "connect")
    if name[0] == 0:
        _connect_raw(sock, raw)
        return
    path = os.fsdecode(name.split(b"\0", 1)[0])
    found = _open_beneath(pid, path)
    try:
        where = os.fsencode(f"/proc/self/fd/{found}")
        _connect_raw(sock, struct.pack("=H", socket.AF_UNIX) + where + b"\0")
    finally:
        os.close(found)


def _open_beneath(pid: int, path: str) -> int:
    """An O_PATH descriptor of a path as the process `pid` sees it; no link leads out of its root."""
    if not path.startswith("/"):
        path = f"{os.readlink(f'/proc/{pid}/cwd')}/{path}"  # noqa: PTH115 # as in kernel.py
    root = os.open(f"/proc/{pid}/root", _O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        how = struct.pack("=QQQ", _O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT)
        return kernel.system_call(_OPENAT2, root, os.fsencode(path), how, len(how))
    finally:
        os.close(root)


def _connect_raw(sock: socket.socket, raw: bytes) -> None:
    kernel.connect(sock.fileno(), raw)


def run(listener: int, routes: Routes, *, machine: str, notes: int) -> None:
    """The whole life of a broker process; `notes` is a pipe for lines that belong into the job's output."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    Broker(listener, routes, machine=machine, note=lambda text: _write(notes, text)).serve()


def _write(descriptor: int, text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, text.encode())
