"""Bash scripts: positional arguments by name, no packages, the last line of stdout as the result."""

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.languages.port import Environment, Launch, ReadScript, Requirements, Workshop
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson, InvalidScript, TooLarge
from tidemill.model.script import Parameter, Signature

MAX_POSITION: Final = 255
MAX_SOURCE_BYTES: Final = 1024 * 1024
MAX_ARGUMENT_BYTES: Final = 128 * 1024 - 1  # of Linux, for one argument of a program (MAX_ARG_STRLEN)
MAX_ARGUMENTS_BYTES: Final = 1024 * 1024  # Linux gives all arguments and the environment at least 2 MiB together

COMPUTED_NOTE: Final = "The default is computed when the script runs; leave the field out to use it."

# The arguments are set by what Bash reads first: on a command line every process of the machine could read secrets.
# Shows the output as it comes and keeps its last line. A named pipe, since a process substitution is not waited for.
LAUNCHER: Final = b"""\
mkfifo .stdout
tail -n 1 < .stdout > .last_line &
BASH_ENV=.arguments /bin/bash main.sh | tee .stdout
code=${PIPESTATUS[0]}
wait
exit "$code"
"""

_NAME = r"(?:(?:export|readonly|declare|typeset)[ \t]+(?:-\w+[ \t]+)*)?(?P<name>[A-Za-z_]\w*)="
_DEFAULT = r"(?P<operator>:?[-?])(?P<word>(?:[^}\\]|\\.)*)"
_VALUE = rf"(?P<quote>\"?)\$(?:(?P<digit>[1-9])(?!\d)|\{{(?P<digits>[1-9]\d*)(?:{_DEFAULT})?\}})(?P=quote)"
_ASSIGNMENT: Final = re.compile(rf"{_NAME}{_VALUE}(?=[\s;#&)]|$)[ \t]*;?[ \t]*")
_HERE_DOCUMENT: Final = re.compile(r"(?<!<)<<-?[ \t]*(?P<quote>['\"]?)\\?(?P<word>[A-Za-z_]\w*)(?P=quote)")


@dataclass(frozen=True, slots=True)
class Positional:
    """A positional argument with the name that the script gives it.

    Attributes:
        operator: `:-`, `-`, `:?`, `?` or "" as in `${1:-default}`.
        word: what stands behind the operator.
    """

    position: int
    name: str
    operator: str = ""
    word: str = ""

    @property
    def has_default(self) -> bool:
        """Whether the script goes on without it."""
        return self.operator in {":-", "-"}

    @property
    def default(self) -> str | None:
        """The text of the default; None if there is none, or if the shell computes it."""
        if not self.has_default or "`" in self.word or re.search(r"(?<!\\)(?:\\\\)*\$", self.word):
            return None
        quoted = re.fullmatch(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'", self.word)
        if quoted and quoted[2] is not None:
            return quoted[2]
        return re.sub(r"\\([\"\\$}`])", r"\1", quoted[1] if quoted else self.word)


class Bash:
    """The language `bash`."""

    name = "bash"
    file_extension = ".sh"

    def signature(self, content: str, *, entry: str = "", resource_types: Collection[str] = ()) -> Signature:
        """One text parameter for each positional argument that is given a name at the top level of the script."""
        del entry, resource_types  # Bash has neither functions that are called from outside nor types
        return Signature(entry="", parameters=tuple(_parameter(item) for item in positionals(content)))

    async def requirements(self, content: str, *, path: str, read: ReadScript) -> Requirements:
        """Nothing: Bash scripts use the programs of the worker's image."""
        del content, path, read
        return Requirements()

    async def lock(self, needs: Requirements, *, workshop: Workshop) -> str:
        """Always empty."""
        del needs, workshop
        return ""

    async def prepare(self, lock: str, *, workshop: Workshop) -> Environment | None:
        """None: there is no environment."""
        del lock, workshop
        return None

    def resources(self, content: str, *, args: bytes, contextual: Mapping[str, str]) -> Collection[str]:
        """None: a script asks for them when it is run."""
        del content, args, contextual
        return ()

    def launch(
        self,
        content: str,
        *,
        path: str,
        signature: Signature,
        args: bytes,
        modules: Mapping[str, str],
        environment: Environment | None,
        resources: Mapping[str, bytes],
        contextual: Mapping[str, str],
        checkpoint: bytes | None = None,
        preprocess: bool = False,
    ) -> Launch:
        """Text arguments are passed as they are, other JSON values as JSON text; null is no argument."""
        del path, signature, modules, environment, resources, contextual, checkpoint, preprocess
        given = " ".join(map(shlex.quote, _argv(positionals(content), jsontext.object_fields(args))))
        return Launch(
            files={
                "main.sh": content.encode(),
                "launch.sh": LAUNCHER,
                "args.json": args,
                ".arguments": f"unset BASH_ENV\nset -- {given}\n".encode(),
            },
            argv=("/bin/bash", "launch.sh"),
            result_files=("result.json", "result.out", ".last_line"),
        )

    def is_workflow(self, content: str) -> bool:
        """Never."""
        del content
        return False

    def result(self, found: Mapping[str, bytes]) -> bytes | None:
        """`result.json` as it is, else the text of `result.out`, else the last line of stdout, as a string."""
        if "result.json" in found:
            jsontext.check(found["result.json"], max_bytes=len(found["result.json"]))
            return found["result.json"]
        if "result.out" in found:
            return _text(found["result.out"], origin="result.out")
        if ".last_line" in found:
            return _text(found[".last_line"].removesuffix(b"\n"), origin="the last line of the output")
        return None


def positionals(content: str) -> list[Positional]:
    """The named positional arguments of a script, by position.

    Looks at assignments that start a line (`name="$1"`, `name="${2:-default}"`): an indented one belongs to a function,
    whose `$1` is another. The first name of a position counts.

    Raises:
        InvalidScript: it holds a NUL or is too large, a name stands for two positions, or a position is above 255.
    """
    _check_source(content)
    found: dict[int, Positional] = {}
    awaited = ""
    for number, line in enumerate(content.split("\n"), start=1):
        if awaited:
            awaited = "" if line.strip() == awaited else awaited
            continue
        for item in _assignments(line):
            if item.position > MAX_POSITION:
                raise InvalidScript(f"Line {number}: a script has at most {MAX_POSITION} arguments.")
            if any(other.name == item.name and other.position != item.position for other in found.values()):
                raise InvalidScript(f"Line {number}: {item.name} already names another argument; use another name.")
            found.setdefault(item.position, item)
        here = _HERE_DOCUMENT.search(line)
        awaited = here["word"] if here and not line.lstrip().startswith("#") else ""
    return [found[position] for position in sorted(found)]


def _assignments(line: str) -> list[Positional]:
    found: list[Positional] = []
    start = 0
    while match := _ASSIGNMENT.match(line, start):
        digits = match["digit"] or match["digits"]
        position = int(digits) if len(digits) <= 4 else MAX_POSITION + 1
        found.append(Positional(position, match["name"], match["operator"] or "", match["word"] or ""))
        start = match.end()
    return found


def _check_source(content: str) -> None:
    try:
        size_bytes = len(content.encode())
    except UnicodeEncodeError as error:
        raise InvalidScript("The script is not valid Unicode text: it holds half of a surrogate pair.") from error
    if size_bytes > MAX_SOURCE_BYTES:
        raise InvalidScript(f"The script has {size_bytes} bytes; at most {MAX_SOURCE_BYTES} are allowed.")
    if "\0" in content:
        raise InvalidScript("The script holds a NUL character.")


def _parameter(item: Positional) -> Parameter:
    is_computed = item.has_default and item.default is None
    return Parameter(
        name=item.name,
        value_schema={"type": "string"},
        has_default=item.has_default,
        default=item.default,
        shows_default=item.default is not None,
        note=COMPUTED_NOTE if is_computed else "",
    )


def _argv(items: list[Positional], given: Mapping[str, bytes]) -> list[str]:
    """Arguments by position up to the last one that is given; a gap is filled with the default, else with ""."""
    texts = {item.position: _argument(item.name, given[item.name]) for item in items if item.name in given}
    present = {position: text for position, text in texts.items() if text is not None}
    missing = {item.position: item for item in items if item.position not in present}
    last = max(present, default=0)
    argv: list[str] = []
    for position in range(1, last + 1):
        item = missing.get(position)
        if item is not None and item.operator == "-" and item.default is None:
            raise BadRequest(f"{item.name} must be given, since an argument behind it is and its default is computed.")
        argv.append(present.get(position, (item.default or "") if item else ""))
    if sum(len(text.encode()) + 1 for text in argv) > MAX_ARGUMENTS_BYTES:
        raise TooLarge(f"The arguments have more than {MAX_ARGUMENTS_BYTES} bytes together: read them from args.json.")
    return argv


def _argument(name: str, raw: bytes) -> str | None:
    """The text of one argument; None for null."""
    if raw == b"null":
        return None
    text = str(jsontext.loads(raw)) if raw.startswith(b'"') else raw.decode()
    if "\0" in text:
        raise BadRequest(f"{name} holds a NUL character, which no program's argument can: read it from args.json.")
    if len(text.encode()) > MAX_ARGUMENT_BYTES:
        raise TooLarge(
            f"{name} has {len(text.encode())} bytes; a program's argument has at most {MAX_ARGUMENT_BYTES}. The script "
            "can read it from args.json in its working directory."
        )
    return text


def _text(raw: bytes, *, origin: str) -> bytes:
    try:
        return jsontext.dumps(raw.decode())
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The result ({origin}) is not UTF-8 text; write JSON to result.json instead.") from error
