"""The jailbreak set: what a hostile job tries (F01 to F08, F12), with controls that show that each can be seen."""

import asyncio
import ctypes
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.sandbox.conftest import ENV, Runner
from tidemill.model.errors import SandboxUnavailable
from tidemill.sandbox.bubblewrap import BubblewrapSandbox
from tidemill.sandbox.detect import harden_this_process, make_sandbox
from tidemill.sandbox.port import Mount, Network, Program
from tidemill.sandbox.process import ProcessSandbox
from tidemill.sandbox.profile import Binary, build, find_binary, make_kit

TRY = """
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*args):
    ctypes.set_errno(0)
    result = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    return 'ok' if result >= 0 else errno.errorcode[ctypes.get_errno()]
"""


async def test_default_sandbox_is_isolated(tmp_path: Path) -> None:
    """F01."""
    sandbox = make_sandbox(state_dir=tmp_path, self_kill_s=0, unisolated=False)
    assert isinstance(sandbox, BubblewrapSandbox)
    await sandbox.close()


async def test_sandbox_without_bubblewrap_says_what_to_do(tmp_path: Path) -> None:
    """F12: nothing is run unisolated by itself."""
    sandbox = BubblewrapSandbox(state_dir=tmp_path, self_kill_s=0, binary=Binary(tmp_path / "bwrap"))
    capability = await sandbox.probe()
    assert not capability.isolated
    assert "--unisolated" in capability.reason
    await sandbox.close()


async def test_unisolated_says_so(plain: Runner) -> None:
    """F12."""
    capability = await plain.sandbox.probe()
    assert not capability.isolated
    assert "worker" in capability.reason


async def test_missing_bubblewrap_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidemill.sandbox.bubblewrap.find_binary", lambda: None)
    sandbox = BubblewrapSandbox(state_dir=tmp_path, self_kill_s=0)
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(SandboxUnavailable, match="bubblewrap is not installed"):
        await sandbox.start(Program(argv=("true",), work=work))
    assert "bubblewrap is not installed" in (await sandbox.probe()).reason
    await sandbox.close()


async def test_only_own_processes_are_seen(run: Runner) -> None:
    """F02."""
    other, _ = await run.start("/bin/sh", "-c", "echo up; sleep 1000")
    assert await anext(other.output) == b"up\n"
    ran = await run.shell(
        "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done; kill -9 -1; echo still here"
    )
    assert "sleep 1000" not in ran.text
    assert "python" not in ran.text
    await other.kill("test")


async def test_control_plain_process_sees_all_processes(plain: Runner) -> None:
    ran = await plain.shell("cat /proc/*/cmdline 2>/dev/null | tr '\\0' ' '")
    assert "pytest" in ran.text


async def test_jobs_share_no_memory_queues_or_abstract_sockets(run: Runner) -> None:
    """F02: neither with the host nor with each other."""
    with socket.socket(socket.AF_UNIX) as listener:
        name = f"tidemill-test-{os.getpid()}"
        listener.bind(f"\0{name}")
        listener.listen()
        source = f"""
import socket
def main():
    try:
        socket.socket(socket.AF_UNIX).connect("\\0{name}")
    except ConnectionRefusedError:
        return "closed"
    return "open"
"""
        assert (await run.python(source)).result == "closed"
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(f"\0{name}")
    shm = Path("/dev/shm") / f"tidemill-test-{os.getpid()}"
    shm.write_text("secret")
    try:
        assert (await run.shell(f"cat {shm}; cat /proc/sysvipc/shm | wc -l")).text.splitlines()[-1] == "1"
    finally:
        shm.unlink()


async def test_users_of_jobs_differ_and_are_nobody_else(run: Runner) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give each job a user of its own")
    works = [(await run.shell("touch mine; id -u")).work for _ in range(2)]
    owners = {(work / "mine").stat().st_uid for work in works}
    assert len(owners) == 2
    assert min(owners) >= 1_900_000_000


async def test_files_of_the_host_are_not_there(run: Runner, tmp_path: Path) -> None:
    """F03."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    secret.chmod(0o644)
    other = run.work()
    (other / "token").write_text("secret")
    places = [
        secret,
        other,
        Path.home(),
        Path("/etc/shadow"),
        Path("/var/run/docker.sock"),
        Path("/root"),
        Path("/home"),
    ]
    inside = await run.shell(f"for p in {' '.join(map(str, places))}; do test -e $p && echo $p; done; true")
    prefix = Path(sys.executable).resolve().parent.parent
    assert [p for p in inside.text.split() if not prefix.is_relative_to(p)] == []


async def test_control_plain_process_reads_the_host(plain: Runner, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    assert (await plain.shell(f"cat {tmp_path}/secret.txt")).text == "secret"


async def test_home_of_the_interpreter_shows_nothing_else(run: Runner) -> None:
    """The interpreter may live below somebody's home: only its prefix is there."""
    prefix = Path(sys.executable).resolve().parent.parent
    if prefix.is_relative_to("/usr"):
        pytest.skip("this interpreter lives in /usr, which is there anyway")
    source = f"import os\ndef main(): return [os.listdir(p) for p in {[str(p) for p in prefix.parents][:-1]!r}]\n"
    expected = [[child.name] for child in [prefix, *prefix.parents][: len(prefix.parents) - 1]]
    assert (await run.python(source)).result == expected


async def test_only_work_and_temporary_directories_are_writable(run: Runner) -> None:
    """F03, F06: hosts, resolv.conf, certificates and configuration of package managers among the rest."""
    script = (
        "for d in / /etc /etc/ssl /etc/ssl/certs /usr /usr/lib /usr/local /run /run/tidemill /var /work /dev /proc "
        "/bin /opt /root /home /mnt; do (echo x > $d/x) 2>/dev/null && echo writable $d; done; "
        "for f in /etc/hosts /etc/resolv.conf /etc/passwd /etc/ld.so.cache /etc/pip.conf /etc/npmrc "
        "/run/tidemill/tidemill_inside/bootstrap.py; do (echo x >> $f) 2>/dev/null && echo writable $f; done; "
        "for d in . /tmp /dev/shm; do (echo x > $d/x) && echo fine $d; done"
    )
    assert (await run.shell(script)).text.splitlines() == ["fine .", "fine /tmp", "fine /dev/shm"]


async def test_mounts_are_read_only_unless_said(run: Runner, tmp_path: Path) -> None:
    closed, opened = tmp_path / "closed", tmp_path / "opened"
    for directory in (closed, opened):
        directory.mkdir(mode=0o777)
        directory.chmod(0o777)
        (directory / "file").write_text("there")
    mounts = (Mount(closed, Path("/data/closed")), Mount(opened, Path("/data/opened"), writable=True))
    script = "cat /data/*/file; for d in closed opened; do echo x > /data/$d/x || echo no $d; done 2>/dev/null"
    assert (await run.shell(script, mounts=mounts)).text == "therethereno closed\n"
    assert (opened / "x").read_text() == "x\n"


ENVIRONMENTS = "for p in /proc/[0-9]*; do echo \"$p: $(tr '\\0' ' ' < $p/environ 2>/dev/null)\"; done"


async def test_no_process_inside_shows_the_environment_of_the_worker(
    run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F04: from /proc/1 and every other."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://canary")
    ran = await run.shell(ENVIRONMENTS + "; env", env={**ENV, "MINE": "mine"})
    assert "canary" not in ran.text
    assert "MINE=mine" in ran.text
    assert "/proc/1: \n" in ran.text


async def test_control_inherited_environment_would_be_seen(tmp_path: Path) -> None:
    """The same look at /proc/1 finds it as soon as bubblewrap itself is started with an environment."""
    binary = find_binary()
    if binary is None:
        pytest.skip("bubblewrap is not installed")
    make_kit(tmp_path / "kit", resolv_conf="")
    (tmp_path / "work").mkdir()
    program = Program(argv=(), work=tmp_path / "work", network=Network(mode="closed"))
    work = Mount(tmp_path / "work", Path("/work/job"), writable=True)
    command = ("/bin/sh", "-c", ENVIRONMENTS)
    profile = build(program, command, binary=binary, kit=tmp_path / "kit", work=work, staged=False)
    options = list(profile.options)
    for name in ("--seccomp", "--info-fd"):
        place = options.index(name)
        del options[place : place + 2]
    ran = await asyncio.create_subprocess_exec(
        str(binary.path), *options, "--", *command, env={"DATABASE_URL": "canary"}, stdout=subprocess.PIPE
    )
    output, _ = await ran.communicate()
    assert b"canary" in output


async def test_token_is_in_no_argument_list_and_no_readable_file(run: Runner) -> None:
    """F05: looked for on the host, as another user would, while the job runs."""
    token = "canary-token-5f1c"
    running, _ = await run.start("/bin/sh", "-c", "echo up; sleep 1000", env={**ENV, "WM_TOKEN": token})
    assert await anext(running.output) == b"up\n"
    arguments = b"".join(_read(entry / "cmdline") for entry in Path("/proc").iterdir() if entry.name.isdigit())
    assert b"bwrap" in arguments
    assert token.encode() not in arguments
    readable = [path for path in (*run.home.rglob("*"), *run.home.parent.rglob("*")) if path.is_file()]
    assert not [path for path in readable if token.encode() in path.read_bytes()]
    await running.kill("test")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


async def test_kernel_doors_are_closed(run: Runner) -> None:
    """F08. Each call has arguments with which the kernel would say something else than EPERM, were there no filter."""
    source = (
        TRY
        + """
from tidemill_numbers import NUMBERS
import platform
def main():
    numbers = NUMBERS[platform.machine()]
    return {name: call(numbers[name], -1, -1, -1, -1, -1) for name in numbers
            if name not in ('ioctl', 'socket', 'connect', 'sendto', 'sendmsg', 'sendmmsg', 'listen', 'socketpair',
                            'clone', 'personality', 'mq_open')}
"""
    )
    numbers = (Path(__file__).parents[3] / "tidemill/sandbox/seccomp.py").read_bytes()
    files = {"tidemill_numbers.py": numbers, "main.py": source.encode(), "args.json": b"{}"}
    ran = await run.python_files({**files, "call.json": b'{"file": "main.py"}'})
    assert set(ran.result.values()) == {"EPERM"}, ran.result
    assert {"mount", "bpf", "ptrace", "keyctl", "kexec_load", "userfaultfd", "unshare", "setns"} <= set(ran.result)


async def test_control_kernel_doors_answer_otherwise_without_the_filter() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    number = {"x86_64": 101, "aarch64": 117}[os.uname().machine]  # ptrace of a process that is not there
    assert libc.syscall(number, 16, 2**22 - 1, 0, 0) == -1
    assert ctypes.get_errno() == 3


async def test_new_namespaces_and_odd_calls_are_refused(run: Runner) -> None:
    source = (
        TRY
        + """
import fcntl, platform, socket, termios
NR = {'x86_64': (56, 435, 135, 425, 101), 'aarch64': (220, 435, 92, 425, 117)}[platform.machine()]
def main():
    found = {'clone ' + hex(flag): call(NR[0], flag, 0, 0, 0, 0) for flag in
             (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x4000000, 0x8000000, 0x2000000, 0x80)}
    found['clone3'] = call(NR[1], 0, 0)
    found['personality'] = call(NR[2], 0x0040000)
    found['io_uring'] = call(NR[3], 1, 0)
    for name, code in (('TIOCSTI', 0x5412), ('TIOCLINUX', 0x541C)):
        found[name] = call({'x86_64': 16, 'aarch64': 29}[platform.machine()], 1, code, 0)
    for name, family, kind, protocol in (('vsock', 40, 1, 0), ('packet', 17, 3, 0), ('alg', 38, 5, 0),
                                         ('netlink audit', 16, 3, 9), ('sctp', 2, 1, 132), ('raw', 2, 3, 1)):
        try:
            socket.socket(family, kind, protocol).close()
            found[name] = 'ok'
        except OSError as error:
            found[name] = errno.errorcode[error.errno]
    return found
"""
    )
    found = (await run.python(source)).result
    assert {value for name, value in found.items() if name.startswith("clone ")} == {"EPERM"}
    assert found["clone3"] == found["io_uring"] == "ENOSYS"
    assert found["personality"] == found["TIOCSTI"] == found["TIOCLINUX"] == "EPERM"
    assert {found[name] for name in ("vsock", "packet", "alg", "netlink audit")} == {"EAFNOSUPPORT"}
    assert found["sctp"] == "EPROTONOSUPPORT"
    assert found["raw"] == "EPERM"


async def test_foreign_system_calls_kill(run: Runner) -> None:
    """The 32-bit numbers of x86 mean other calls: the filter must not be asked with them."""
    if os.uname().machine != "x86_64":
        pytest.skip("only x86 processors have a second table of calls")
    source = TRY + "def main(): return call(0x40000000 + 39)"
    assert (await run.python(source)).exit.signal == 31


async def test_no_new_user_namespace_can_be_made(run: Runner) -> None:
    ran = await run.shell(
        "unshare -U true; unshare -r true; cat /proc/sys/user/max_user_namespaces; grep Cap /proc/self/status"
    )
    assert "Operation not permitted" in ran.text
    assert {line.split()[1] for line in ran.text.splitlines() if line.startswith("Cap")} == {"0" * 16}


async def test_setuid_programs_gain_nothing(run: Runner) -> None:
    ran = await run.shell("grep NoNewPrivs /proc/self/status; (su -c id root || mount -t tmpfs x /tmp) 2>&1")
    assert "NoNewPrivs:\t1" in ran.text
    assert "uid=0" not in ran.text


async def test_device_directory_is_minimal(run: Runner) -> None:
    ran = await run.shell("ls /dev")
    expected = {"core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout"}
    assert set(ran.text.split()) <= expected | {"tty", "urandom", "zero", "console"}


def test_hardened_process_cannot_be_read_by_its_user() -> None:
    """A control first: before, a process of the same user reads the environment."""
    if os.geteuid() == 0:
        become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if not os.access("/usr/bin/setpriv", os.X_OK):
            pytest.skip("needs setpriv to be an unprivileged user")
    else:
        become = []
    code = (
        "import ctypes, os, subprocess, sys\n"
        "look = lambda: subprocess.run(['cat', f'/proc/{os.getpid()}/environ'], capture_output=True).returncode\n"
        "before = look()\n"
        "assert ctypes.CDLL(None).prctl(4, 0, 0, 0, 0) == 0\n"
        "print(before, look())\n"
    )
    ran = subprocess.run([*become, "/usr/bin/python3", "-I", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0", "1"]


def test_harden_this_process_makes_it_undumpable() -> None:
    code = (
        "import sys, ctypes; sys.path.insert(0, sys.argv[1]); from tidemill.sandbox.kernel import harden_this_process; "
        "harden_this_process(); print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    root = str(Path(__file__).parents[3])
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", code, root], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "0"
    assert harden_this_process.__module__ == "tidemill.sandbox.kernel"


async def test_plain_sandbox_is_chosen_only_when_asked(tmp_path: Path) -> None:
    sandbox = make_sandbox(state_dir=tmp_path, self_kill_s=0, unisolated=True)
    assert isinstance(sandbox, ProcessSandbox)
    await sandbox.close()
