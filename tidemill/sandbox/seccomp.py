"""The two seccomp filters of a sandbox, assembled as BPF by hand.

`denials` is loaded by bubblewrap just before the program: it closes doors of the kernel that no script needs.
`questions` is installed before bubblewrap: it turns `connect` and `listen` into questions to the broker.
"""

import errno
import struct
from collections.abc import Iterable
from functools import cache
from typing import Final

KILL: Final = 0x8000_0000
ERRNO: Final = 0x0005_0000
ASK: Final = 0x7FC0_0000
ALLOW: Final = 0x7FFF_0000

_LOAD: Final = 0x20  # A = 32-bit word of seccomp_data
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4

ARCHITECTURES: Final = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_X32: Final = 0x4000_0000

# Numbers from the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
NUMBERS: Final[dict[str, dict[str, int]]] = {
    "x86_64": {
        "ioctl": 16, "socket": 41, "connect": 42, "sendto": 44, "sendmsg": 46, "listen": 50, "socketpair": 53,
        "clone": 56, "ptrace": 101, "syslog": 103, "uselib": 134, "personality": 135, "ustat": 136, "vhangup": 153,
        "modify_ldt": 154, "pivot_root": 155, "_sysctl": 156, "chroot": 161, "acct": 163, "settimeofday": 164,
        "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170,
        "setdomainname": 171, "iopl": 172, "ioperm": 173, "create_module": 174, "init_module": 175,
        "delete_module": 176, "get_kernel_syms": 177, "query_module": 178, "quotactl": 179, "nfsservctl": 180,
        "lookup_dcookie": 212, "clock_settime": 227, "mq_open": 240, "kexec_load": 246, "add_key": 248,
        "request_key": 249, "keyctl": 250, "migrate_pages": 256, "unshare": 272, "move_pages": 279,
        "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304,
        "clock_adjtime": 305, "sendmmsg": 307, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
        "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323,
    },
    "aarch64": {
        "lookup_dcookie": 18, "ioctl": 29, "umount2": 39, "mount": 40, "pivot_root": 41, "nfsservctl": 42,
        "chroot": 51, "vhangup": 58, "quotactl": 60, "acct": 89, "personality": 92, "unshare": 97, "kexec_load": 104,
        "init_module": 105, "delete_module": 106, "clock_settime": 112, "syslog": 116, "ptrace": 117, "reboot": 142,
        "sethostname": 161, "setdomainname": 162, "settimeofday": 170, "mq_open": 180, "socket": 198,
        "socketpair": 199, "listen": 201, "connect": 203, "sendto": 206, "sendmsg": 211, "add_key": 217,
        "request_key": 218, "keyctl": 219, "clone": 220, "swapon": 224, "swapoff": 225, "migrate_pages": 238,
        "move_pages": 239, "perf_event_open": 241, "fanotify_init": 262, "name_to_handle_at": 264,
        "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "sendmmsg": 269, "process_vm_readv": 270,
        "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "bpf": 280, "userfaultfd": 282,
        "kexec_file_load": 294,
    },
}  # fmt: skip
_EVERYWHERE: Final = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "clone3": 435, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "open_tree_attr": 467,
}  # fmt: skip

# Answered as if the kernel were older, because libraries then take another way by themselves.
_ABSENT: Final = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "mq_open")

_REFUSED: Final = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "unshare", "setns",
    "bpf", "perf_event_open", "userfaultfd", "fanotify_init", "name_to_handle_at", "open_by_handle_at",
    "lookup_dcookie", "keyctl", "add_key", "request_key",
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module",
    "get_kernel_syms", "query_module", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "nfsservctl",
    "iopl", "ioperm", "modify_ldt", "vhangup", "uselib", "ustat", "_sysctl", "syslog", "settimeofday",
    "clock_settime", "clock_adjtime", "sethostname", "setdomainname", "migrate_pages", "move_pages",
)  # fmt: skip

_CLONE_NEW_ANYTHING: Final = 0x7E02_0080  # all CLONE_NEW* flags, the time namespace too
_TIOCSTI: Final = 0x5412
_TIOCLINUX: Final = 0x541C
_MSG_FASTOPEN: Final = 0x2000_0000
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_PROTOCOLS: Final = (0, 1, 6, 17, 58, 262)  # any, ICMP, TCP, UDP, ICMPv6, MPTCP

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


@cache
def denials(machine: str) -> bytes:
    """The filter of every program on this kind of processor.

    Raises:
        KeyError: the processor is not known.
    """
    numbers = NUMBERS[machine] | _EVERYWHERE
    program = _native_only(machine)
    program += [step for name in _ABSENT for step in _on(numbers[name], ERRNO | errno.ENOSYS)]
    program += [step for name in _REFUSED if name in numbers for step in _on(numbers[name], ERRNO | errno.EPERM)]
    program += _if_call(numbers["clone"], _if_bits(0, _CLONE_NEW_ANYTHING, ERRNO | errno.EPERM))
    program += _if_call(numbers["ioctl"], _if_equal(1, (_TIOCSTI, _TIOCLINUX), ERRNO | errno.EPERM))
    program += _if_call(numbers["personality"], _unless_equal(0, (0, 0xFFFF_FFFF), ERRNO | errno.EPERM))
    program += _if_call(numbers["socketpair"], _unless_equal(0, (_AF_UNIX,), ERRNO | errno.EAFNOSUPPORT))
    program += _if_call(numbers["socket"], _sockets())
    # A connect inside a send would pass by the broker.
    program += _if_call(numbers["sendto"], _if_bits(3, _MSG_FASTOPEN, ERRNO | errno.EOPNOTSUPP))
    program += _if_call(numbers["sendmsg"], _if_bits(2, _MSG_FASTOPEN, ERRNO | errno.EOPNOTSUPP))
    program += _if_call(numbers["sendmmsg"], _if_bits(3, _MSG_FASTOPEN, ERRNO | errno.EOPNOTSUPP))
    return _assemble([*program, _answer(ALLOW)])


@cache
def questions(machine: str) -> bytes:
    """The filter that asks the broker about `connect` and `listen`.

    Raises:
        KeyError: the processor is not known.
    """
    numbers = NUMBERS[machine]
    program = [_load(_ARCHITECTURE_AT), (_EQUAL, 1, 0, ARCHITECTURES[machine]), _answer(ALLOW), _load(_NUMBER_AT)]
    program += [*_on(numbers["connect"], ASK), *_on(numbers["listen"], ASK), _answer(ALLOW)]
    return _assemble(program)


def only(machine: str, numbers: Iterable[int]) -> bytes:
    """The filter of a program that may make these calls and no others: the rest fails with EACCES.

    Raises:
        KeyError: the processor is not known.
    """
    program = _native_only(machine)
    program += [step for number in numbers for step in _on(number, ALLOW)]
    return _assemble([*program, _answer(ERRNO | errno.EACCES)])


def _native_only(machine: str) -> list[Instruction]:
    """Kill whoever calls with another processor's numbers; leave the call's number in A."""
    program = [_load(_ARCHITECTURE_AT), (_EQUAL, 1, 0, ARCHITECTURES[machine]), _answer(KILL), _load(_NUMBER_AT)]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), _answer(KILL)]
    return program


def _sockets() -> list[Instruction]:
    """Only kinds of socket that belong to the network namespace, or to none (vsock would reach the host)."""
    refusal = ERRNO | errno.EAFNOSUPPORT
    netlink = [_load_argument(2), (_EQUAL, 1, 0, 0), _answer(refusal)]  # NETLINK_ROUTE only
    inet = _unless_equal(2, _PROTOCOLS, ERRNO | errno.EPROTONOSUPPORT)
    program = [_load_argument(0), (_EQUAL, 0, 1, _AF_UNIX), _answer(ALLOW)]
    program += [(_EQUAL, 0, len(netlink) + 1, _AF_NETLINK), *netlink, _answer(ALLOW)]
    program += [(_EQUAL, 2, 0, _AF_INET), (_EQUAL, 1, 0, _AF_INET6), _answer(refusal)]
    return [*program, *inet]


def _on(number: int, answer: int) -> list[Instruction]:
    return [(_EQUAL, 0, 1, number), _answer(answer)]


def _if_call(number: int, body: list[Instruction]) -> list[Instruction]:
    """`body` for this call only; afterwards the number is in A again."""
    return [(_EQUAL, 0, len(body) + 1, number), *body, _load(_NUMBER_AT)]


def _if_bits(argument: int, bits: int, answer: int) -> list[Instruction]:
    return [_load_argument(argument), (_ANY_BIT, 0, 1, bits), _answer(answer)]


def _if_equal(argument: int, values: Iterable[int], answer: int) -> list[Instruction]:
    return [_load_argument(argument), *(step for value in values for step in _on(value, answer))]


def _unless_equal(argument: int, values: tuple[int, ...], answer: int) -> list[Instruction]:
    tests = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [_load_argument(argument), *tests, _answer(answer)]


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _load_argument(index: int) -> Instruction:
    """The low half of an argument: the kernel reads these arguments as 32-bit numbers too."""
    return _load(16 + 8 * index)


def _answer(value: int) -> Instruction:
    return (_RETURN, 0, 0, value)


def _assemble(program: list[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *step) for step in program)
