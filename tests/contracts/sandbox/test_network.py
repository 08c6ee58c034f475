"""What a brokered job reaches, and what not. Servers are on this host's loopback; nothing is sent to the outside."""

import contextlib
import errno
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.sandbox.conftest import Runner, isolated_or_skip
from tidemill.model.errors import ConfigurationError
from tidemill.sandbox.bubblewrap import BubblewrapSandbox
from tidemill.sandbox.port import Network

HEAD = """
import asyncio, errno, os, socket, struct, threading
def tried(call):
    try:
        return call()
    except OSError as error:
        return errno.errorcode.get(error.errno, repr(error))
def talk(address, family=socket.AF_INET, timeout=None):
    s = socket.socket(family)
    s.settimeout(timeout)
    s.connect(address)
    s.sendall(b'ping')
    return s.recv(100).decode()
"""


@pytest.fixture
def server() -> Iterator[int]:
    """A server on the loopback of the host that answers `pong`; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_answer, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _answer(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                if connection.recv(100):
                    connection.sendall(b"pong")


@pytest.fixture
def other() -> Iterator[int]:
    """A listener that must never be reached; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener.getsockname()[1]
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    "call",
    [
        "talk(('127.0.0.1', {port}))",
        "talk(('127.0.0.1', {port}), timeout=5)",
        "talk(('localhost', {port}))",
        "talk(('127.9.8.7', {port}))",
        "talk(('::1', {port}), socket.AF_INET6)",
        "talk(('::ffff:127.0.0.1', {port}), socket.AF_INET6)",
        "asyncio.run(stream({port}))",
        "os.popen('exec 3<>/dev/tcp/127.0.0.1/{port}; echo ping >&3; cat <&3').read()",
        "talk(('127.0.0.1', {port})) if os.fork() == 0 else (os.wait(), talk(('127.0.0.1', {port})))[1]",
    ],
)
async def test_server_is_reached(run: Runner, server: int, call: str) -> None:
    source = HEAD + (
        "async def stream(port):\n    r, w = await asyncio.open_connection('127.0.0.1', port)\n"
        "    w.write(b'ping'); d = await r.read(9); w.close(); return d.decode()\n"
    )
    source += f"os.environ['SHELL'] = '/bin/bash'\ndef main(): return {call.format(port=server)}\n"
    source = source.replace("os.popen('exec", "__import__('subprocess').check_output(['bash', '-c', 'exec")
    source = source.replace("cat <&3').read()", "cat <&3']).decode()")
    assert (await run.python(source, network=Network(api_port=server))).result == "pong"


async def test_warm_jobs_reach_the_server_too(run: Runner, server: int) -> None:
    source = HEAD + f"def main(): return talk(('127.0.0.1', {server}))\n"
    for _ in range(3):
        assert (await run.python(source, identity="a", network=Network(api_port=server))).result == "pong"


async def test_everything_else_on_the_host_is_closed(run: Runner, server: int, other: int) -> None:
    own = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    addresses = {"127.0.0.1", "127.0.0.2", "0.0.0.0", *own}
    source = HEAD + f"def main(): return [tried(lambda: talk((a, {other}))) for a in {sorted(addresses)!r}]\n"
    ran = await run.python(source, network=Network(api_port=server))
    assert set(ran.result) <= {"ECONNREFUSED", "EACCES"}


async def test_control_open_network_reaches_the_host(run: Runner, server: int) -> None:
    source = HEAD + f"def main(): return talk(('127.0.0.1', {server}))\n"
    assert (await run.python(source, network=Network(mode="open"))).result == "pong"


async def test_closed_network_reaches_nothing(run: Runner, server: int) -> None:
    source = HEAD + f"def main(): return [tried(lambda: talk((a, {server}))) for a in ('127.0.0.1', '10.0.0.1')]\n"
    assert (await run.python(source, network=Network(mode="closed", api_port=server))).result == [
        "ECONNREFUSED",
        "ENETUNREACH",
    ]


async def test_private_addresses_are_refused_with_the_way_out(run: Runner) -> None:
    places = [("10.0.0.5", 5432), ("169.254.169.254", 80), ("192.168.1.1", 80), ("100.64.0.1", 80), ("224.0.0.1", 80)]
    places6 = [("fd00::1", 80), ("fe80::1", 80), ("::ffff:10.0.0.5", 80), ("64:ff9b::a00:5", 80), ("2002:a00:5::", 80)]
    source = HEAD + (
        f"def main():\n    a = [tried(lambda: talk(p, timeout=2)) for p in {places!r}]\n"
        f"    return a + [tried(lambda: talk(p, socket.AF_INET6, timeout=2)) for p in {places6!r}]\n"
    )
    ran = await run.python(source)
    assert set(ran.result) == {"EACCES"}
    line = (
        "[tidemill] connection to 10.0.0.5:5432 was refused: private networks are closed to jobs; "
        "allow it with TIDEMILL_JOB_EGRESS_ALLOW=10.0.0.5/32:5432\n"
    )
    assert ran.text.count(line) == 1
    assert "TIDEMILL_JOB_EGRESS_ALLOW=[fd00::1/128]:80" in ran.text


async def test_refusals_are_not_repeated_in_the_output(run: Runner) -> None:
    source = HEAD + "def main(): return [tried(lambda: talk((f'10.0.0.{n % 40 + 1}', 80))) for n in range(400)]\n"
    ran = await run.python(source)
    assert set(ran.result) == {"EACCES"}
    assert ran.text.count("[tidemill]") == 20


async def test_allow_list_opens_an_address_and_port(run: Runner, server: int, other: int) -> None:
    source = HEAD + f"def main(): return [tried(lambda: talk(('127.0.0.1', p))) for p in ({server}, {other})]\n"
    ran = await run.python(source, network=Network(allow=(f"127.0.0.1/32:{server}",)))
    assert ran.result == ["pong", "ECONNREFUSED"]


async def test_wrong_allow_list_is_named(run: Runner) -> None:
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.300"):
        await run.shell("true", network=Network(allow=("10.0.0.300/8",)))


async def test_own_loopback_and_unix_sockets_work(run: Runner) -> None:
    source = (
        HEAD
        + """
def pair(family, where):
    with socket.socket(family) as listener:
        listener.bind(where)
        listener.listen()
        with socket.socket(family) as client:
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
            client.sendall(b'x')
            return accepted.recv(1).decode()
async def asynchronous():
    server = await asyncio.start_server(lambda r, w: (w.write(b'hi'), w.close()), '127.0.0.1', 0)
    r, w = await asyncio.open_connection(*server.sockets[0].getsockname())
    data = await r.read()
    w.close()
    server.close()
    return data.decode()
def main():
    os.symlink('/tmp/real', 'link')
    with socket.socket(socket.AF_UNIX) as l:
        l.bind('/tmp/real'); l.listen()
        c = socket.socket(socket.AF_UNIX); c.connect('link')
    return [pair(socket.AF_INET, ('127.0.0.1', 0)), pair(socket.AF_UNIX, '/tmp/a'), pair(socket.AF_UNIX, 'b'),
            pair(socket.AF_UNIX, '\\0c'), asyncio.run(asynchronous())]
"""
    )
    assert (await run.python(source)).result == ["x", "x", "x", "x", "hi"]


async def test_unix_sockets_of_the_host_are_out_of_reach(run: Runner, tmp_path: Path) -> None:
    """Not by path, not by a link, not by `..`, not through a mounted directory's parents."""
    shared = tmp_path / "shared"
    shared.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "host.sock"))
        listener.listen()
        (tmp_path / "host.sock").chmod(0o777)
        source = HEAD + (
            f"def main():\n    os.symlink({str(tmp_path / 'host.sock')!r}, '/tmp/link')\n"
            f"    os.symlink('../../../../..{tmp_path}/host.sock', '/tmp/up')\n"
            "    paths = ["
            + repr(str(tmp_path / "host.sock"))
            + ", '/tmp/link', '/tmp/up', '/proc/1/root/"
            + str(tmp_path)
            + "/host.sock']\n"
            "    return [tried(lambda: socket.socket(socket.AF_UNIX).connect(p)) for p in paths]\n"
        )
        ran = await run.python(source)
        assert set(ran.result) <= {"ENOENT", "EACCES", "EXDEV"}, ran.result
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(tmp_path / "host.sock"))


async def test_datagrams_do_not_get_out(run: Runner) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        port = listener.getsockname()[1]
        source = (
            HEAD
            + f"""
def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found = [tried(lambda: s.sendto(b'x', ('8.8.8.8', 53))), tried(lambda: s.connect(('8.8.8.8', 53)))]
    tried(lambda: s.sendto(b'x', ('127.0.0.1', {port})))
    tried(lambda: s.connect(('127.0.0.1', {port})))
    tried(lambda: s.send(b'x'))
    return found
"""
        )
        assert (await run.python(source)).result == ["ENETUNREACH", "ENETUNREACH"]
        with pytest.raises(BlockingIOError):
            listener.recv(1)


async def test_socket_given_by_the_broker_cannot_be_turned(run: Runner, server: int, other: int) -> None:
    """A host socket in the hands of a job is good for its one connection: no listening, no other destination."""
    source = (
        HEAD
        + f"""
def given():
    s = socket.socket()
    s.connect(('127.0.0.1', {server}))
    return s
def main():
    MSG_FASTOPEN = 0x20000000
    libc = __import__('ctypes').CDLL(None, use_errno=True)
    s = given()
    found = [tried(lambda: s.connect(('127.0.0.1', {other}))), tried(s.listen)]
    unspec = struct.pack('=H14x', 0)
    refused = libc.connect(s.fileno(), unspec, 16) and __import__('ctypes').get_errno()
    found.append(errno.errorcode[refused])
    found.append(tried(lambda: s.sendto(b'x', MSG_FASTOPEN, ('127.0.0.1', {other}))))
    found.append(tried(lambda: s.sendmsg([b'x'], [], MSG_FASTOPEN, ('127.0.0.1', {other}))))
    s = socket.socket()
    s.setblocking(False)
    found.append(s.connect_ex(('127.0.0.1', {server})))
    found.append(tried(s.listen))
    return found
"""
    )
    ran = await run.python(source, network=Network(api_port=server))
    assert ran.result[0] in {"ECONNREFUSED", "EISCONN"}
    assert ran.result[1] == ran.result[6] == "EACCES"
    assert set(ran.result[2:5]) == {errno.errorcode[errno.EOPNOTSUPP]}


async def test_swapping_socket_or_address_under_the_broker_gains_nothing(run: Runner, server: int, other: int) -> None:
    """Threads rewrite the address and exchange the descriptor while `connect` is being decided."""
    source = (
        HEAD
        + f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def packed(port): return struct.pack('=H', 2) + struct.pack('!H', port) + bytes([127, 0, 0, 1]) + bytes(8)
def main():
    good, bad = packed({server}), packed({other})
    buffer = ctypes.create_string_buffer(good, 16)
    stop, plain = [], socket.socket()
    unix = socket.socket(socket.AF_UNIX)
    target = socket.socket()
    def swap():
        while not stop:
            ctypes.memmove(buffer, bad, 16); ctypes.memmove(buffer, good, 16)
            os.dup2(unix.fileno(), target.fileno()); os.dup2(plain.fileno(), target.fileno())
    thread = threading.Thread(target=swap)
    thread.start()
    for _ in range(300):
        libc.connect(target.fileno(), buffer, 16)
    stop.append(1)
    thread.join()
"""
    )
    ran = await run.python(source, network=Network(api_port=server))
    assert ran.exit.code == 0, ran.text


async def test_connection_that_takes_long_does_not_hold_up_others(run: Runner, server: int) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        source = (
            HEAD
            + f"""
def main():
    waiting = threading.Thread(target=lambda: tried(lambda: talk(('127.0.0.1', {port}))), daemon=True)
    waiting.start()
    threading._shutdown = lambda: None
    return talk(('127.0.0.1', {server}))
"""
        )
        network = Network(api_port=server, allow=(f"127.0.0.1/32:{port}",))
        assert (await run.python(source, network=network)).result == "pong"
        for filler in fillers:
            filler.close()


async def test_options_and_flags_of_the_socket_are_kept(run: Runner, server: int) -> None:
    source = (
        HEAD
        + f"""
def main():
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    s.settimeout(5)
    os.set_inheritable(s.fileno(), True)
    s.connect(('127.0.0.1', {server}))
    return [s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            os.get_blocking(s.fileno()), os.get_inheritable(s.fileno())]
"""
    )
    assert (await run.python(source, network=Network(api_port=server))).result == [1, 1, False, True]


async def test_names_are_asked_of_the_nameserver(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nameserver:
        try:
            nameserver.bind(("127.0.0.77", 53))
        except OSError as error:
            pytest.skip(f"a name server for the test needs port 53: {error}")
        threading.Thread(target=_name, args=(nameserver,), daemon=True).start()
        sandbox = BubblewrapSandbox(state_dir=tmp_path / "state", self_kill_s=0, nameservers=("127.0.0.77",))
        try:
            await isolated_or_skip(sandbox)
            run = Runner(sandbox, tmp_path / "jobs")
            source = HEAD + (
                "def main():\n    found = [socket.gethostbyname('some.example.com')]\n"
                "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n    s.connect(('127.0.0.1', 53))\n"
                "    return found + [tried(lambda: talk(('some.example.com', 80), timeout=3))]\n"
            )
            ran = await run.python(source)
            assert ran.result == ["10.9.8.7", "EACCES"], ran.text
        finally:
            await sandbox.close()
            nameserver.sendto(b"", ("127.0.0.77", 53))


def _name(nameserver: socket.socket) -> None:
    """Answer every question for an address with 10.9.8.7."""
    while True:
        query, client = nameserver.recvfrom(512)
        if not query:
            return
        end = query.index(b"\0", 12) + 5
        question = query[12:end]
        is_address = struct.unpack("!H", question[-4:-2])[0] == 1
        header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, int(is_address), 0, 0)
        answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([10, 9, 8, 7]) if is_address else b""
        nameserver.sendto(header + question + answer, client)


async def test_interfaces_are_the_own_loopback_only(run: Runner) -> None:
    ran = await run.shell("cat /proc/net/dev | tail -n +3 | cut -d: -f1; cat /proc/net/tcp | wc -l")
    assert ran.text.split() == ["lo", "1"]


async def test_open_network_asks_for_names_where_the_host_does(run: Runner) -> None:
    host = Path("/etc/resolv.conf")
    ran = await run("/bin/cat", "/etc/resolv.conf", network=Network(mode="open"))
    assert ran.text == (host.read_text() if host.is_file() else ran.text)
    brokered = await run("/bin/cat", "/etc/resolv.conf")
    assert "nameserver 127.0.0.1\n" in brokered.text
