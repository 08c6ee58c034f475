"""Python scripts: `main` is called with the arguments by name; packages come from a lock resolved by uv."""

import json
import re
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from tidemill.languages import environments, locking, python_signature
from tidemill.languages.modules import gather
from tidemill.languages.port import SUSPENDED, Environment, Launch, ReadScript, Requirements, Workshop
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidScript
from tidemill.model.script import DEFAULT_ENTRY, PREPROCESSOR_ENTRY, Signature

COMPUTED_DEFAULT: Final = msgspec.Raw(b'"<function call>"')
"""What Windmill's forms send for a default that they could not show: it means the argument is left out."""

CLIENT: Final = "wmill"
"""Windmill's package, which takes most of a small job's time to import."""

_WORKFLOW: Final = re.compile(r"^@(?:\w+\.)*workflow\b", re.MULTILINE)

CHECKPOINT: Final = "checkpoint.json"
"""Where a workflow finds what it has come to."""

_NULL: Final = msgspec.Raw(b"null")
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Python:
    """The language `python3`."""

    name = "python3"
    file_extension = ".py"

    def signature(self, content: str, *, entry: str = DEFAULT_ENTRY, resource_types: Collection[str] = ()) -> Signature:
        """See the port; the rules for types are in `python_annotations`."""
        return python_signature.signature(content, entry=entry, resource_types=resource_types)

    async def requirements(self, content: str, *, path: str, read: ReadScript) -> Requirements:
        """See the port; where requirements are looked for is told in `requirements`."""
        return await gather(content, path=path, read=read)

    async def lock(self, needs: Requirements, *, workshop: Workshop) -> str:
        """See the port."""
        return await locking.lock(needs, workshop=workshop)

    async def prepare(self, lock: str, *, workshop: Workshop) -> Environment | None:
        """See the port; never None."""
        return await environments.ensure(lock, workshop=workshop)

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
        """The script and what it imports from the workspace as packages, and the call for the bootstrap."""
        del resources, contextual
        if not signature.has_entry:
            raise InvalidScript(
                f"The script has no function {signature.entry!r}: define it, or run a script that imports this one."
            )
        if environment is None:
            raise BadRequest("A Python script needs an environment, at least the base one.")
        file = module_file(path)
        call = {
            "file": file,
            "module": file.removesuffix(".py").replace("/", "."),
            "function": signature.entry,
            "coerce": [[name, kind.value] for name, kind in signature.coercions],
        }
        if preprocess and signature.has_preprocessor:
            call["preprocessor"] = PREPROCESSOR_ENTRY
        files = {module_file(other): source.encode() for other, source in modules.items()}
        if checkpoint is not None:
            call["checkpoint"] = CHECKPOINT
            files[CHECKPOINT] = checkpoint
        return Launch(
            files={
                **files,
                file: content.encode(),
                "args.json": args if "preprocessor" in call else _arguments(signature, args),
                "call.json": json.dumps(call).encode(),
            },
            result_files=("result.json", *(() if checkpoint is None else (SUSPENDED,))),
            preload=(CLIENT,) if CLIENT in content else (),
        )

    def is_workflow(self, content: str) -> bool:
        """Whether it has a function decorated by the client's `workflow`, under that name."""
        return CLIENT in content and _WORKFLOW.search(content) is not None

    def result(self, found: Mapping[str, bytes]) -> bytes | None:
        """What the bootstrap has written."""
        return found.get("result.json")


def module_file(path: str) -> str:
    """Where the script at `path` lies in the job's directory, for `import f.folder.name`; `main.py` for ""."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{name.replace('.', '_')}.py" if folder else "main.py"


def _arguments(signature: Signature, args: bytes) -> bytes:
    """What the function is called with, as JSON; mostly `args` as they are, which may be large."""
    given = _MEMBERS.decode(args)
    passed = _passed(signature, given)
    return args if passed == given else jsontext.build_object({name: bytes(raw) for name, raw in passed.items()})


def _passed(signature: Signature, given: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """The arguments that the function is called with; what it has no parameter for is left out."""
    parameters = {parameter.name: parameter for parameter in signature.parameters}
    passed = {name: raw for name, raw in given.items() if signature.takes_any or name in parameters}
    for name, parameter in parameters.items():
        is_computed = parameter.has_default and not parameter.shows_default
        if is_computed and passed.get(name) == COMPUTED_DEFAULT:
            del passed[name]
        elif parameter.is_nullable and not parameter.has_default:
            passed.setdefault(name, _NULL)
    return passed
