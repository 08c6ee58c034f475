"""Runs one Python job.

Its place (`Folder`: the current directory; in a warm interpreter `parking.Handed`) holds

- `args.json`: the arguments, one JSON object.
- `call.json`: `{"file": "main.py", "module": "main", "function": "main", "preprocessor": null, "coerce": []}`. All but
  `file` may be left out. `module` is the dotted name that the file is loaded under (`f.folder.script` makes relative
  imports work). `coerce` is a list of `[argument, kind]` for what JSON has no type for: `datetime`, `date`, `time`,
  `bytes_base64`, and `list:` before any of them. With `preprocessor` that function is called first and gives the
  arguments. `checkpoint` names the file with what a workflow has come to: it is run by the client library.

and receives one of

- `result.json`: the result as strict JSON (`results.py` says what becomes of which value).
- `error.json`: `{"name", "message", "stack", "extra"?, "limit"?}`; `limit` is `file_too_large`, `disk_full` or
  `out_of_memory` when a limit is behind the exception.
- `suspended.json` in place of a result, when a workflow waits for something: what that is.

A generator of texts is a result stream: each is printed as a `WM_STREAM: ` line, all joined are the result.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from .results import Refused, from_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, Protocol

    class Place(Protocol):
        """Where a job's call is and its result goes."""

        path: str

        def prepare(self) -> None: ...
        def read(self, name: str) -> bytes: ...
        def write(self, name: str, content: bytes) -> None: ...


VAR_KEYWORDS = 0x08  # inspect.CO_VARKEYWORDS


class Folder:
    """The work directory, as where a job's call is and its result goes."""

    def __init__(self, path: str) -> None:
        self.path = path

    def prepare(self) -> None:
        """All is there."""

    def read(self, name: str) -> bytes:
        """A file that the worker put there."""
        with open(os.path.join(self.path, name), "rb") as file:
            return file.read()

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole: under another name first."""
        path = os.path.join(self.path, name)
        with open(path + ".part", "wb") as file:
            file.write(content)
        os.replace(path + ".part", path)


class Suspended:
    """In place of a result: a workflow waits for something."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told


def main() -> None:
    """Do what the command line says: `run PATHS` or `park PATHS MODULES`, both lists in JSON."""
    mode, paths = sys.argv[1], json.loads(sys.argv[2])
    add_paths(paths)
    if mode == "park":
        # The job may have no module of this name on its path, while we run it must be ours.
        from .parking import park

        os.chdir("/")
        park(json.loads(sys.argv[3]))
    set_up(os.getcwd())
    leave(run_job(Folder(os.getcwd())))


def add_paths(paths: list[str]) -> None:
    """Put the environments on the path. Their `.pth` files are never read: they would run code at every start."""
    for path in paths:
        if path not in sys.path:
            sys.path.append(path)


def set_up(directory: str) -> None:
    """Make this the interpreter of a job in `directory`."""
    sys.path.insert(0, directory)
    sys.argv = ["main.py"]
    sys.dont_write_bytecode = True  # the script runs once, and what it imports is read-only
    for output in (sys.stdout, sys.stderr):
        output.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]


def run_job(place: Place) -> int:
    """Run the job of `place`; its exit code."""
    kept = [os.dup(0) for _ in range(4)]  # so that a script that used up all descriptors can still be reported
    try:
        try:
            result = perform(place)
        finally:
            for descriptor in kept:
                os.close(descriptor)
        if type(result) is Suspended:
            place.write("suspended.json", to_json(result.told, "task"))
        else:
            place.write("result.json", to_json(result, "result"))
    except SystemExit as error:
        return ended_itself(place, error)
    except BaseException as error:
        report(place, error)
        return 1
    return 0


def perform(place: Place) -> object:
    """Load the script and call it."""
    place.prepare()
    call, args = from_json(place.read("call.json")), from_json(place.read("args.json"))
    module = load(place, call["file"], call.get("module") or "main")
    preprocessor = call.get("preprocessor")
    if preprocessor:
        args = finish(invoke(module, preprocessor, args))
        if not isinstance(args, dict):
            raise Refused(f"{preprocessor} must return the arguments of main as a dict, not {type(args).__name__}.")
    for name, kind in call.get("coerce", ()):
        if args.get(name) is not None:
            args[name] = coerce(args[name], kind, name)
    name, checkpoint = call.get("function") or "main", call.get("checkpoint")
    if getattr(getattr(module, name, None), "_is_workflow", False):
        if not checkpoint:
            raise Refused(f"{name} is a workflow: decorate it with @workflow or @wmill.workflow, under that name.")
        from .workflow import run_round

        return run_round(module, name, args, from_json(place.read(checkpoint)))
    return stream(finish(invoke(module, name, args)))


def load(place: Place, file: str, name: str) -> ModuleType:
    """Import the script under its name."""
    package = name.rpartition(".")[0]
    if package:
        importlib.import_module(package)
    path = place.path + "/" + file
    # What importlib would do more is to look for what we hold.
    module = ModuleType(name)
    module.__file__, module.__package__ = path, package
    module.__loader__ = SourceFileLoader(name, path)
    module.__spec__ = ModuleSpec(name, module.__loader__, origin=path)
    module.__spec__.has_location = True
    sys.modules[name] = module
    exec(compile(place.read(file), path, "exec", dont_inherit=True), module.__dict__)
    return module


def invoke(module: ModuleType, name: str, args: dict[str, Any]) -> object:
    """Call a function with those of the arguments that it takes."""
    function, positional, taken = prepared(module, name, args)
    return function(*positional, **taken)


def prepared(module: ModuleType, name: str, args: dict[str, Any]) -> tuple[Any, list[Any], dict[str, Any]]:
    """A function with those of the arguments that it takes, by place and by name."""
    function = getattr(module, name, None)
    if not callable(function):
        raise Refused(f"The script has no function {name!r}.")
    only_by_place, by_name, optional, takes_all = parameters_of(function)
    taken = dict(args) if takes_all else {key: args[key] for key in (*only_by_place, *by_name) if key in args}
    missing = [key for key in (*only_by_place, *by_name) if key not in taken and key not in optional]
    if missing:
        raise Refused(f"{name}() needs the argument {', '.join(map(repr, missing))}, which was not given.")
    positional = [taken.pop(key) for key in only_by_place if key in taken]
    return function, positional, taken


def parameters_of(function: Any) -> tuple[tuple[str, ...], tuple[str, ...], set[str], bool]:
    """Parameters that go by place only, those that go by name, those with a default; whether it takes any other."""
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        return inspected(function)
    # As `inspect.signature` says it, whose import takes as long as the whole rest of the start.
    names, places = code.co_varnames, code.co_argcount
    if getattr(function, "__self__", None) is not None:
        return inspected(function)
    defaults = function.__defaults__ or ()
    optional = {*names[places - len(defaults) : places], *(function.__kwdefaults__ or ())}
    only_by_place = names[: code.co_posonlyargcount]
    by_name = names[code.co_posonlyargcount : places + code.co_kwonlyargcount]
    return only_by_place, by_name, optional, bool(code.co_flags & VAR_KEYWORDS)


def inspected(function: Any) -> tuple[tuple[str, ...], tuple[str, ...], set[str], bool]:
    """The same for classes, decorated functions and the like."""
    import inspect

    parameters = inspect.signature(function).parameters.values()
    only_by_place = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
    by_name = tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
    optional = {p.name for p in parameters if p.default is not p.empty}
    return only_by_place, by_name, optional, any(p.kind is p.VAR_KEYWORD for p in parameters)


def finish(value: Any) -> Any:
    """Wait for an async function."""
    if not hasattr(value, "__await__"):
        return value
    import asyncio

    async def wait() -> object:
        return await value

    return asyncio.run(wait())


def stream(value: Any) -> Any:
    """Print a generator of texts piece by piece; the joined text is the result. Other values are passed on."""
    if hasattr(value, "__anext__"):
        import asyncio

        async def drain() -> str:
            return "".join([piece(item) async for item in value])

        return asyncio.run(drain())
    if hasattr(value, "__next__"):
        return "".join([piece(item) for item in value])
    return value


def piece(item: object) -> str:
    """Print one piece of a stream."""
    if not isinstance(item, str):
        raise Refused(f"A script that yields must yield texts, not {type(item).__name__}.")
    print("WM_STREAM: " + item.replace("\n", "\\n"), flush=True)
    return item


def coerce(value: Any, kind: str, name: str) -> Any:
    """An argument as the script declares it."""
    if kind.startswith("list:") and isinstance(value, list):
        return [coerce(item, kind[5:], name) for item in value]
    if not isinstance(value, str):
        return value
    import base64
    import datetime

    # Before Python 3.11 `fromisoformat` does not know the Z.
    iso = value[:-1] + "+00:00" if value.endswith(("Z", "z")) else value
    encoded = value.partition(",")[2] if value.startswith("data:") else value
    ways: dict[str, Callable[[], Any]] = {
        "datetime": lambda: datetime.datetime.fromisoformat(iso),
        "date": lambda: datetime.datetime.fromisoformat(iso).date(),
        "time": lambda: datetime.time.fromisoformat(iso),
        "bytes_base64": lambda: base64.b64decode(encoded, validate=True),
    }
    if kind not in ways:
        raise Refused(f"The argument {name!r} has the unknown kind {kind!r}.")
    try:
        return ways[kind]()
    except ValueError as error:
        raise Refused(f"The argument {name!r} is not a {kind}: {error}") from error


def ended_itself(place: Place, error: SystemExit) -> int:
    """A script that called exit(): 0 is a result of null, everything else an error."""
    if error.code is None or error.code == 0:
        place.write("result.json", b"null")
        return 0
    text = f"The script ended itself with exit code {error.code}." if isinstance(error.code, int) else str(error.code)
    print(text, file=sys.stderr)
    write_error(place, {"name": "SystemExit", "message": text, "stack": stack_of(error)})
    return error.code if isinstance(error.code, int) and 0 < error.code < 126 else 1


def report(place: Place, error: BaseException) -> None:
    """Write down an exception and print its stack, but for those that say all that there is to say."""
    name = "InvalidCall" if isinstance(error, Refused) else type(error).__name__
    is_whole = isinstance(error, Refused) or getattr(type(error), "without_stack", False) is True
    content = {"name": name, "message": message_of(error), "stack": "" if is_whole else stack_of(error)}
    print(content["stack"] or f"{name}: {content['message']}", file=sys.stderr)
    write_error(place, {**content, **extra_of(error), **limit_of(error)})


def write_error(place: Place, content: dict[str, Any]) -> None:
    """Write `error.json`. On a full disk there is no room for it: then the exit code and the output must do."""
    text = json.dumps(content).encode()
    try:
        place.write("error.json", text)
    except OSError as error:
        print(f"[tidemill] the error could not be written down: {error}", file=sys.stderr)


def message_of(error: BaseException) -> str:
    """The text of an exception, whose own `__str__` may fail."""
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()
    except Exception as trouble:
        return f"(the text of this {type(error).__name__} failed with {type(trouble).__name__})"


def extra_of(error: BaseException) -> dict[str, Any]:
    """The attributes of an exception, for those that say more than a text."""
    try:
        attributes = {name: value for name, value in vars(error).items() if not name.startswith("__")}
        return {"extra": json.loads(to_json(attributes, "extra"))} if attributes else {}
    except Exception:
        return {}


def limit_of(error: BaseException) -> dict[str, str]:
    """The limit that is behind an exception."""
    if isinstance(error, MemoryError):
        return {"limit": "out_of_memory"}
    known = {errno.EFBIG: "file_too_large", errno.ENOSPC: "disk_full", errno.EDQUOT: "disk_full"}
    return {"limit": known[error.errno]} if isinstance(error, OSError) and error.errno in known else {}


def stack_of(error: BaseException) -> str:
    """The stack as Python prints it, without our own frames."""
    import traceback

    step = error.__traceback__
    while step is not None and is_ours(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    text = "".join(traceback.format_exception(type(error), error.with_traceback(step), step))
    return text.encode("utf-8", "backslashreplace").decode()


def is_ours(file: str) -> bool:
    """Whether a frame is of the machinery and not of the script."""
    return file.startswith("<frozen importlib") or os.path.dirname(file) == os.path.dirname(__file__)


def leave(code: int) -> NoReturn:
    """End as Python does, without taking everything apart."""
    try:
        wind_up()
    finally:
        os._exit(code)


def wind_up() -> None:
    """What Python does at its end: threads joined, exit handlers run, output flushed."""
    try:
        if "threading" in sys.modules:
            shut_down: Any = sys.modules["threading"]._shutdown
            shut_down()
        if "atexit" in sys.modules:
            sys.modules["atexit"]._run_exitfuncs()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for output in (sys.stdout, sys.stderr):
            try:
                output.flush()
            except (OSError, ValueError):
                continue
