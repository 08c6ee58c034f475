"""DuckDB scripts: an engine of the job's own, in the sandbox, that reads and writes objects and attached databases."""

import json
from collections.abc import Collection, Mapping
from typing import Final

from tidemill.engine.sql.annotations import Annotations
from tidemill.engine.sql.declarations import Declared
from tidemill.engine.sql.script import SqlScript, read_script
from tidemill.languages import duckdb_environment
from tidemill.languages.duckdb_attachments import Attachment, find_attachments, reaches_servers, secret_of
from tidemill.languages.duckdb_paths import Edit, object_address, path_edits
from tidemill.languages.port import Environment, Launch, Workshop
from tidemill.languages.sql import SqlLanguage
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidScript, Unsupported
from tidemill.model.script import Signature

_ENTRY: Final = b"from tidemill_duckdb.run import main\n"
_POINTERS: Final = {"s3object": "varchar", "s3object[]": "varchar[]"}


class DuckDb(SqlLanguage):
    """The language `duckdb`."""

    name = "duckdb"
    file_extension = ".duckdb.sql"

    def signature(self, content: str, *, entry: str = "", resource_types: Collection[str] = ()) -> Signature:
        """What the script declares; it names its databases itself."""
        if "\0" in content:
            raise InvalidScript("The script holds a NUL character, which would end it for DuckDB.")
        return super().signature(content, entry=entry, resource_types=resource_types)

    async def prepare(self, lock: str, *, workshop: Workshop) -> Environment | None:
        """The engine with its extensions, always the same."""
        del lock
        return await duckdb_environment.ensure(workshop)

    def resources(self, content: str, *, args: bytes, contextual: Mapping[str, str]) -> Collection[str]:
        """The resources of the databases that it attaches."""
        text, _ = _read(content).interpolated(jsontext.object_fields(args), contextual)
        return {each.path for each in find_attachments(text) if each.path}

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
        """A plan for `languages/inside/duckdb/run.py`: the statements with their lines, and the arguments to bind."""
        del path, signature, modules, environment, checkpoint, preprocess
        script = _read(content)
        given = jsontext.object_fields(args)
        text, pieces = script.interpolated(given, contextual)
        values = {each.name: _value(each, given) for each in script.declared if not each.is_name}
        attachments = find_attachments(text)
        secrets, files, edits = _attached(attachments, resources)
        edits += path_edits(text, {name: raw for name, (_, raw) in values.items()})
        plan = {
            "statements": [{"text": _edited(text, edits, each.start, each.end), "line": each.line} for each in pieces],
            "arguments": {name: {"type": kind, "json": raw.decode()} for name, (kind, raw) in values.items()},
            "secrets": secrets,
            "attaches": reaches_servers(text),
            "collection": script.annotations.collection.value,
            "big_as_text": script.annotations.big_numbers_as_text,
            "is_transaction": script.annotations.is_transaction,
        }
        return Launch(
            files={
                **files,
                "main.py": _ENTRY,
                "call.json": b'{"file":"main.py"}',
                "args.json": json.dumps({"plan": plan}, ensure_ascii=False).encode(),
            },
            result_files=("result.json",),
            preload=("tidemill_duckdb.ahead", "tidemill_duckdb.run"),
        )

    def is_workflow(self, content: str) -> bool:
        """Never."""
        del content
        return False

    def result(self, found: Mapping[str, bytes]) -> bytes | None:
        """What the plan's run has written."""
        return found.get("result.json")


def _read(content: str) -> SqlScript:
    script = read_script(content, "duckdb")
    _refuse_annotations(script.annotations)
    return script


def _refuse_annotations(annotations: Annotations) -> None:
    if annotations.streaming is not None:
        raise Unsupported("-- s3 is not for DuckDB: write rows with copy (select …) to 's3:///key.parquet'.")
    if annotations.database:
        raise Unsupported("-- database is not for DuckDB: attach '$res:path' as name (type postgres).")
    if annotations.is_prepare:
        raise Unsupported("-- prepare is not for DuckDB: what a script gives shows when it is run.")
    if annotations.is_read_only:
        raise Unsupported("-- read_only is not for DuckDB: attach databases with the option READ_ONLY.")
    if annotations.role:
        raise Unsupported("-- role is not for DuckDB: the resource of a database that is attached names its user.")


def _value(declared: Declared, given: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Type and raw JSON of an argument; pointers to objects become addresses.

    Raises:
        BadRequest: it is missing, or no pointer.
    """
    raw = given.get(declared.name, declared.default)
    if raw is None:
        raise BadRequest(f"The argument {declared.name} is missing, and it has no default.")
    if declared.type_name not in _POINTERS or raw == b"null":
        return _POINTERS.get(declared.type_name, declared.type_name), raw
    value = jsontext.loads(raw)
    if declared.type_name == "s3object":
        return "varchar", jsontext.dumps(object_address(declared.name, value))
    if not isinstance(value, list):
        raise BadRequest(f"The argument {declared.name} must be a list of objects.")
    return "varchar[]", jsontext.dumps([object_address(declared.name, each) for each in value])


def _attached(
    attachments: list[Attachment], resources: Mapping[str, bytes]
) -> tuple[list[dict[str, object]], dict[str, bytes], list[Edit]]:
    """What to create and to write before, and to change in the text, for the resources that are attached."""
    secrets: dict[str, dict[str, object]] = {}
    files: dict[str, bytes] = {}
    edits: list[Edit] = []
    for each in attachments:
        if not each.path:
            continue
        secret = secret_of(each, resources[each.path])
        secrets[secret.name] = {"name": secret.name, "type": each.kind, "options": dict(secret.options)}
        files |= secret.files
        edits += each.edits(secret)
    return list(secrets.values()), files, edits


def _edited(text: str, edits: list[Edit], start: int, end: int) -> str:
    """`text[start:end]` with those of `edits` that are in it."""
    pieces: list[str] = []
    for edit in sorted(edits):
        if start <= edit.start and edit.end <= end:
            pieces += (text[start : edit.start], edit.text)
            start = edit.end
    return "".join((*pieces, text[start:end]))
