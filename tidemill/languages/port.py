"""What a script language gives: its signature, what it needs, its environment, and how a job of it is started.

A worker runs a script in this order::

    language = load_language(name)                                   # languages/__init__.py
    signature = language.signature(content, entry="main")            # parsing only
    needs = await language.requirements(content, path=path, read=read_script)
    lock = await language.lock(needs, workshop=workshop)             # at deploy; stored with the version
    environment = await language.prepare(lock, workshop=workshop)    # at run; cached by lock
    launch = language.launch(content, path=path, signature=signature, args=raw_args,
                             modules=needs.modules, environment=environment)
    ... put launch.files into the job directory, start it in the sandbox ...
    result = language.result(found)                                  # after exit code 0
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from tidemill.model.script import Signature

ReadScript = Callable[[str], Awaitable[str | None]]
"""Gives the source of the workspace script at a path, or None if there is none that the job may read."""


SUSPENDED: Final = "suspended.json"
"""Where a workflow in code leaves what it waits for, in place of a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program to run for a build. It may run code of strangers: it belongs in the sandbox, without secrets.

    Attributes:
        argv: the program (absolute path) and its arguments. What lies in `cwd` is named by relative paths only, since
            the sandbox may show it at another place.
        cwd: its working directory, made for it alone and writable. Files it leaves there are read afterwards.
        env: its whole environment.
        writable: directories that it changes beside `cwd` (they exist); absolute, seen at the same place inside.
        readable: directories and files that it reads beside the system's own; absolute, seen at the same place.
        timeout_s: longest run.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    timeout_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a command ended. `exit_code` is not 0 for any kind of failure; `output` is stdout and stderr together."""

    exit_code: int
    output: bytes
    timed_out: bool = False


Run = Callable[[Command], Awaitable[CommandResult]]
"""Runs a command to its end. The worker hands in one that runs it in the sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where and with what a language builds.

    Attributes:
        environments_dir: finished environments live here; shared by the workers of this host.
        cache_dir: downloads, shared by all environments; best on the same file system.
        run: runs a command in the sandbox.
        env: the operator's package settings for builds (`UV_INDEX_URL`, `SSL_CERT_FILE`, proxies, ...); no secrets of
            Tidemill, for code of packages sees it.
    """

    environments_dir: Path
    cache_dir: Path
    run: Run
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What a script needs.

    Attributes:
        specifiers: package requirements, sorted, without duplicates; empty: the base environment is enough.
        requires_python: version specifier for the interpreter; "" for any.
        modules: source of the workspace scripts that it imports, also indirectly, by path.
        missing: paths of workspace scripts that it imports and that are not there (the import fails when it is run).
    """

    specifiers: tuple[str, ...] = ()
    requires_python: str = ""
    modules: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A finished environment; never changed once it is there.

    Attributes:
        path: its own directory. Name and content are fixed by the lock, so it may serve as a key for warm interpreters.
        python: the interpreter to start, with `-I -S`: nothing of the host's site-packages, no `.pth` file is run.
        site_dirs: what belongs on `sys.path` behind the job's directory, in this order. Mount them read-only in the
            job's sandbox, at the same place.
    """

    path: Path
    python: Path
    site_dirs: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How one job is started.

    Attributes:
        files: what goes into the job's directory, by relative path (`/` between parts). `args.json` is among them.
        argv: the program and its arguments, started in the job's directory. Empty: start the environment's interpreter
            with the sandbox's bootstrap, which reads `call.json` and `args.json`.
        result_files: files that the job may leave in its directory as its result; for `ProgramLanguage.result`.
        preload: modules that an interpreter which waits for such jobs imports ahead.
    """

    files: Mapping[str, bytes]
    argv: tuple[str, ...] = ()
    result_files: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()


class Language(Protocol):
    """One script language: what its source tells. Query languages are no more than this; `queries/` runs them."""

    name: str
    """Its name on the wire."""

    file_extension: str
    """Of its source files, with the dot."""

    def signature(self, content: str, *, entry: str = "main", resource_types: Collection[str] = ()) -> Signature:
        """The parameters of `entry`, by parsing only: nothing of `content` is ever executed.

        `resource_types` are the names of the types that the workspace has; a parameter's type that is named like one
        of them becomes a resource. A usual script takes 0.4 ms, the largest (1 MiB) up to two seconds: call it in a
        thread where that would stop others.

        Raises:
            InvalidScript: it cannot be parsed; the message names the line.
        """

    async def requirements(self, content: str, *, path: str, read: ReadScript) -> Requirements:
        """What the script at `path` ("" for a preview without one) and the workspace scripts that it imports need.

        Raises:
            InvalidScript: it cannot be parsed, or a requirement is not one.
        """

    async def lock(self, needs: Requirements, *, workshop: Workshop) -> str:
        """Exact versions for `needs`, as text; "" where the base environment is enough.

        Raises:
            LockFailed: they do not go together; the message is the resolver's own explanation.
        """


class ProgramLanguage(Language, Protocol):
    """A language whose jobs are programs in the sandbox."""

    async def prepare(self, lock: str, *, workshop: Workshop) -> Environment | None:
        """The environment for `lock`, built if it is not there; None for a language that needs none.

        Safe when several workers ask for the same at once: one builds, the others wait and use it.

        Raises:
            LockFailed: it cannot be built (a package vanished, a build failed); the message says why.
        """

    def resources(self, content: str, *, args: bytes, contextual: Mapping[str, str]) -> Collection[str]:
        """Paths of the resources that a job of the script needs beside those that its arguments name.

        Raises:
            InvalidScript, BadRequest: as `launch`.
        """

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
        """How a job of the script is started. `args` is the JSON object of its arguments; values are passed on as they
        are written, unknown ones are left out unless the signature takes any. `resources` are the values, references
        replaced, of what `resources` asked for; `contextual` is `WM_WORKSPACE`, ... for texts that name them.
        `checkpoint`: what a workflow in code has come to; it leaves `SUSPENDED` where it waits for something.
        `preprocess`: `args` are for the script's preprocessor, which makes those of the entry point.

        Raises:
            InvalidScript: the script has no such entry point.
            BadRequest: an argument cannot be passed (a NUL for a program's argument).
            TooLarge: an argument is larger than the system passes to a program.
        """

    def is_workflow(self, content: str) -> bool:
        """Whether the script may be a workflow in code: then it is given a checkpoint."""

    def result(self, found: Mapping[str, bytes]) -> bytes | None:
        """The result as JSON text, from those of `Launch.result_files` that are there when the job has ended with 0.

        None if the job has left no result although its language always does: it ended before the script returned.

        Raises:
            InvalidJson: the script wrote a result file itself, and it is not JSON (or not text).
        """
