"""The filters, run by an interpreter of their instructions, for processors that this machine does not have too."""

import errno
import struct

import pytest

from tidemill.sandbox.seccomp import ALLOW, ARCHITECTURES, ASK, ERRNO, KILL, NUMBERS, denials, questions

MACHINES = sorted(ARCHITECTURES)


def answer(program: bytes, number: int, *arguments: int, architecture: int) -> int:
    """What the kernel would answer: classic BPF over `struct seccomp_data`."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *(*arguments, *[0] * (6 - len(arguments))))
    steps = [struct.unpack_from("=HBBI", program, place) for place in range(0, len(program), 8)]
    assert len(steps) <= 4096
    accumulator = place = 0
    while True:
        code, if_true, if_false, operand = steps[place]
        place += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, operand)
            case 0x15:
                place += if_true if accumulator == operand else if_false
            case 0x35:
                place += if_true if accumulator >= operand else if_false
            case 0x45:
                place += if_true if accumulator & operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(code)


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return request.param


def denied(machine: str, name: str, *arguments: int) -> int:
    return answer(denials(machine), NUMBERS[machine][name], *arguments, architecture=ARCHITECTURES[machine])


def test_dangerous_calls_are_refused(machine: str) -> None:
    for name in ("mount", "umount2", "bpf", "ptrace", "kexec_load", "keyctl", "userfaultfd", "setns", "unshare"):
        assert denied(machine, name) == ERRNO | errno.EPERM, name


def test_ordinary_calls_are_let_through(machine: str) -> None:
    for number in (*range(10), 1000):
        assert answer(denials(machine), number, architecture=ARCHITECTURES[machine]) == ALLOW
    assert denied(machine, "connect", 3) == ALLOW
    assert denied(machine, "sendto", 3, 0, 0, 0x4000) == ALLOW


def test_clone_of_threads_is_fine_but_not_of_namespaces(machine: str) -> None:
    assert denied(machine, "clone", 0x3D0F00) == ALLOW
    for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x08000000, 0x04000000, 0x02000000):
        assert denied(machine, "clone", 0x3D0F00 | flag) == ERRNO | errno.EPERM
        assert denied(machine, "clone", flag | 0xFFFF_FFFF_0000_0000) == ERRNO | errno.EPERM


def test_terminal_tricks_are_refused_whatever_the_upper_half(machine: str) -> None:
    for request in (0x5412, 0x541C):
        assert denied(machine, "ioctl", 0, request) == ERRNO | errno.EPERM
        assert denied(machine, "ioctl", 0, request | 1 << 32) == ERRNO | errno.EPERM
    assert denied(machine, "ioctl", 0, 0x5401) == ALLOW


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((1, 1, 0), ALLOW),
        ((2, 1, 6), ALLOW),
        ((10, 2, 17), ALLOW),
        ((2, 1, 262), ALLOW),
        ((16, 3, 0), ALLOW),
        ((16, 3, 9), ERRNO | errno.EAFNOSUPPORT),
        ((17, 3, 0), ERRNO | errno.EAFNOSUPPORT),
        ((40, 1, 0), ERRNO | errno.EAFNOSUPPORT),
        ((38, 5, 0), ERRNO | errno.EAFNOSUPPORT),
        ((2, 1, 132), ERRNO | errno.EPROTONOSUPPORT),
    ],
)
def test_kinds_of_sockets(machine: str, arguments: tuple[int, ...], expected: int) -> None:
    assert denied(machine, "socket", *arguments) == expected


def test_connecting_by_sending_is_refused(machine: str) -> None:
    fast_open = 0x2000_0000
    refused = ERRNO | errno.EOPNOTSUPP
    assert denied(machine, "sendto", 3, 0, 0, fast_open | 0x4000) == refused
    assert denied(machine, "sendmsg", 3, 0, fast_open) == refused
    assert denied(machine, "sendmmsg", 3, 0, 1, fast_open) == refused


def test_calls_of_another_processor_kill(machine: str) -> None:
    assert answer(denials(machine), 1, architecture=0x40000003) == KILL


def test_x32_calls_kill() -> None:
    assert answer(denials("x86_64"), 0x40000000 | 39, architecture=ARCHITECTURES["x86_64"]) == KILL


def test_only_connect_and_listen_are_asked_about(machine: str) -> None:
    architecture = ARCHITECTURES[machine]
    asked = {number for number in range(500) if answer(questions(machine), number, architecture=architecture) == ASK}
    assert asked == {NUMBERS[machine]["connect"], NUMBERS[machine]["listen"]}
