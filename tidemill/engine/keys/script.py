"""Scripts for keys: commands of Redis, one a line, with their arguments put in.

# key (string)
# seconds (int) = 60
SET $key "hello" EX $seconds
GET $key
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.engine.keys.arguments import TYPES
from tidemill.engine.keys.words import Line, Reference, split
from tidemill.engine.script_head import Dialect, Head, read_head
from tidemill.model.errors import InvalidScript

MAX_COMMANDS: Final = 100_000

DIALECT: Final = Dialect(
    types=TYPES.keys(),
    options={
        "result_collection": ("last", "all"),
        "transaction": (),
        "pipeline": (),
        "read_only": (),
        "replies": ("plain", "typed"),
        "big_numbers": ("number", "string"),
    },
)
_REFUSED: Final = frozenset(
    {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC", "HELLO", "RESET", "QUIT"}
)
"""They change what the connection itself does."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is sent: at least one word. `line` is where it stands in the script."""

    line: int
    words: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """In upper case."""
        return self.words[0].decode(errors="replace").upper()


@dataclass(frozen=True, slots=True)
class Unit:
    """Commands that are sent together. `is_transaction`: they take effect together, between MULTI and EXEC."""

    commands: tuple[Command, ...]
    is_transaction: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script that was read; it has at least one line."""

    head: Head
    lines: tuple[Line, ...]


def read_script(content: str) -> Script:
    """Read `content` as far as it can be understood without arguments.

    Raises:
        InvalidScript: it cannot be; the message names the line.
    """
    head = read_head(content, DIALECT)
    lines = split(head.body, first_line=head.body_line)
    if not lines:
        raise InvalidScript("The script has no command: say `GET key`, for example.")
    if len(lines) > MAX_COMMANDS:
        raise InvalidScript(f"The script has {len(lines)} commands; at most {MAX_COMMANDS} are allowed.")
    declared = {argument.name for argument in head.arguments}
    for line in lines:
        _check(line, declared)
    _check_blocks(lines, head)
    return Script(head=head, lines=tuple(lines))


def units(script: Script, values: Mapping[str, tuple[bytes, ...]]) -> list[Unit]:
    """What is to be sent, in order; `values` are the words of each argument."""
    commands = [Command(line.line, _words(line, values)) for line in script.lines]
    if "transaction" in script.head.options:
        return [Unit(tuple(commands), is_transaction=True)]
    if "pipeline" in script.head.options:
        return [Unit(tuple(commands))]
    found: list[Unit] = []
    block: list[Command] | None = None
    for command in commands:
        if command.name == "MULTI":
            block = []
        elif command.name in {"EXEC", "DISCARD"} and block is not None:
            if command.name == "EXEC":
                found.append(Unit(tuple(block), is_transaction=True))
            block = None
        elif block is not None:
            block.append(command)
        else:
            found.append(Unit((command,)))
    return found


def _words(line: Line, values: Mapping[str, tuple[bytes, ...]]) -> tuple[bytes, ...]:
    words: list[bytes] = []
    for word in line.words:
        words += values[word.name] if isinstance(word, Reference) else (word,)
    return tuple(words)


def _check(line: Line, declared: set[str]) -> None:
    if not line.name:
        raise InvalidScript(f"Line {line.line}: a command's name cannot be an argument.")
    subcommand = line.words[1] if len(line.words) > 1 else b""
    is_reply = line.name == "CLIENT" and isinstance(subcommand, bytes) and subcommand.upper() == b"REPLY"
    if line.name in _REFUSED or is_reply:
        raise InvalidScript(f"Line {line.line}: {line.name} changes what the connection does, and is not taken.")
    for word in line.words:
        if isinstance(word, Reference) and word.name not in declared:
            raise InvalidScript(
                f"Line {line.line}: the argument {word.name!r} is not declared: add a line `# {word.name} (string)` at "
                f"the top, or write '${word.name}' in quotes if the text itself is meant."
            )


def _check_blocks(lines: list[Line], head: Head) -> None:
    together = next((name for name in ("transaction", "pipeline") if name in head.options), "")
    if "transaction" in head.options and "pipeline" in head.options:
        raise InvalidScript("A transaction is sent together anyhow: leave `pipeline` out.")
    begun = 0
    for line in lines:
        if line.name not in {"MULTI", "EXEC", "DISCARD"}:
            continue
        if together:
            raise InvalidScript(f"Line {line.line}: with `# {together}` there is no {line.name}.")
        if line.name == "MULTI" and begun:
            raise InvalidScript(f"Line {line.line}: MULTI again, before the EXEC of line {begun}'s.")
        if line.name != "MULTI" and not begun:
            raise InvalidScript(f"Line {line.line}: {line.name} without MULTI.")
        begun = line.line if line.name == "MULTI" else 0
    if begun:
        raise InvalidScript(f"Line {begun}: MULTI without EXEC.")
