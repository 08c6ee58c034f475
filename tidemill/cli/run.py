"""`tidemill run`: runs a script of a workspace, or one on disk, and waits for its result."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import typer

from tidemill.cli.connection import Connection, Token, Url, Workspace, find_server
from tidemill.cli.output import DataDir, Json, new_app, stderr, write_line
from tidemill.model.errors import BadRequest, Unavailable

LANGUAGES: Final = {
    ".py": "python3",
    ".sh": "bash",
    ".duckdb.sql": "duckdb",
    ".pg.sql": "postgresql",
    ".my.sql": "mysql",
    ".ms.sql": "mssql",
    ".odb.sql": "oracledb",
    ".sf.sql": "snowflake",
    ".bq.sql": "bigquery",
    ".ch.sql": "clickhouse",
}
"""By how the name of a file ends."""
_RECONNECTS: Final = 5
_PAUSE_S: Final = 1.0
_INTERRUPTED: Final = 130

app = new_app()


class Update(msgspec.Struct):
    """What an event of a job says, as far as it is shown here."""

    type: str = ""
    new_logs: str = ""
    progress: int | None = None
    completed: bool = False
    success: bool | None = None
    error: str = ""


@app.command()
def run(
    script: Annotated[str, typer.Argument(help="Path in the workspace (f/demo/x), or a file (./x.py, ./x.sh).")],
    arg: Annotated[
        list[str] | None, typer.Option(help="name=value, may be given again; JSON where it is JSON, else text.")
    ] = None,
    args: Annotated[str, typer.Option(help="All arguments as a JSON object, @FILE with one, or @- for stdin.")] = "{}",
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not show the log.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Run a script, show its log on stderr as it comes, and print its result as JSON on stdout.

    Without --url the server of the `tidemill up` in this directory is used, with its login. Exit code 1 when the script
    fails; Ctrl-C cancels it. With --json the result is inside of {"id","success","result"}.
    """
    arguments = _arguments(args, arg or [])
    connection = Connection(find_server(url=url, token=token, workspace=workspace, data_dir=data_dir))
    job_id = _start(connection, script, arguments)
    try:
        success = _follow(connection, job_id, show=not quiet)
    except KeyboardInterrupt:
        connection.post(f"jobs_u/queue/cancel/{job_id}", b'{"reason":"cancelled from the command line"}')
        stderr.print(f"cancelled {job_id}")
        sys.exit(_INTERRUPTED)
    result = _one_line(connection.get(f"jobs_u/completed/get_result/{job_id}"))
    if as_json:
        write_line(f'{{"id": "{job_id}", "success": {json.dumps(success)}, "result": {result}}}')
    else:
        write_line(result)
    if not success:
        stderr.print(f"[bold red]failed[/] {job_id}")
        sys.exit(1)


def _arguments(text: str, pairs: list[str]) -> bytes:
    """The arguments as a JSON object; values stay the texts that were given, so that nothing is rounded."""
    if text.startswith("@"):
        try:
            text = sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise BadRequest(f"{text[1:]} cannot be read: {error.strerror}.") from error
    try:
        found = msgspec.json.decode(text.encode(), type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        raise BadRequest(f"--args is not a JSON object: {error}.") from error
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise BadRequest(f"--arg {pair!r} is not name=value.")
        found[name] = msgspec.Raw(_json_text(value))
    return msgspec.json.encode(found)


def _json_text(value: str) -> str:
    """`value` where it is JSON, else as a JSON string."""
    try:
        msgspec.json.decode(value)
    except msgspec.MsgspecError:
        return json.dumps(value)
    return value


def _start(connection: Connection, script: str, arguments: bytes) -> str:
    """Enqueue a job and give its id."""
    file = Path(script)
    if _language_of(file) and (script.startswith((".", "/", "~")) or file.is_file()):
        return connection.post("jobs/run/preview", _preview(file.expanduser(), arguments)).decode()
    if not script.startswith(("f/", "u/")):
        raise BadRequest(f"{script!r} is neither a path such as f/demo/x nor a file such as ./x.py or ./x.sh.")
    return connection.post(f"jobs/run/p/{quote(script)}?skip_preprocessor=true", arguments).decode()


def _language_of(file: Path) -> str:
    """The language of a file by its name; "" for none."""
    return next((language for ending, language in LANGUAGES.items() if file.name.endswith(ending)), "")


def _preview(file: Path, arguments: bytes) -> bytes:
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{file} cannot be read as text: {error}.") from error
    body: dict[str, Any] = {
        "content": content,
        "language": _language_of(file),
        "args": msgspec.Raw(arguments),
    }
    return msgspec.json.encode(body)


def _follow(connection: Connection, job_id: str, *, show: bool) -> bool:
    """Show what the job logs until it has ended; whether it succeeded. A lost connection is taken up again."""
    last_id, lost = "", 0
    while True:
        try:
            for event_id, data in connection.events(f"jobs_u/getupdate_sse/{job_id}", last_id=last_id):
                last_id, lost = event_id or last_id, 0
                update = msgspec.json.decode(data, type=Update)
                if update.type in {"error", "not_found"}:
                    raise BadRequest(update.error or f"There is no job {job_id} any more.")
                if show:
                    _show(update)
                if update.completed:
                    return bool(update.success)
        except Unavailable:
            lost += 1
            if lost > _RECONNECTS:
                raise
            time.sleep(_PAUSE_S)


def _show(update: Update) -> None:
    sys.stderr.write(update.new_logs)
    if update.progress is not None and sys.stderr.isatty():
        sys.stderr.write(f"\r{update.progress:3} %\r")
    sys.stderr.flush()


def _one_line(raw: bytes) -> str:
    """JSON on one line: line ends between its tokens may be blanks, and in strings there are none."""
    return raw.decode().replace("\r", " ").replace("\n", " ")
