"""How commands talk: results on stdout (as JSON with `--json`), everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from tidemill.model.errors import TidemillError

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", file_okay=False, help="Directory of `tidemill up` (.tidemill).")
]


def new_app(help: str = "") -> typer.Typer:  # noqa: A002
    """The app of a command; with `help` one of several sub-commands. Tracebacks stay plain: pretty ones show values."""
    return typer.Typer(
        help=help or None, no_args_is_help=bool(help), add_completion=False, pretty_exceptions_enable=False
    )


stderr = Console(stderr=True, highlight=False)
stdout = Console(highlight=False)


def emit(value: object) -> None:
    """One line of JSON on stdout."""
    write_line(json.dumps(value, default=str, ensure_ascii=False))


def write_line(text: str) -> None:
    """A line on stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under `columns` on stdout, one line each, however wide; None is an empty cell."""
    lines = [list(columns), *(["" if cell is None else str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        write_line("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def fail(error: TidemillError) -> NoReturn:
    """Say what is wrong and end with exit code 1; as JSON where `--json` was asked for."""
    if "--json" in sys.argv:
        emit({"error": {"code": error.code, "message": str(error)}})
    stderr.print("[bold red]error[/]", f"({error.code}):", end=" ")
    stderr.print(str(error), markup=False, soft_wrap=True)
    sys.exit(1)
