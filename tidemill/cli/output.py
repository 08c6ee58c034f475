"""How commands talk: results on stdout (as JSON with `--json`), everything else on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from tidemill.model.errors import TidemillError

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", file_okay=False, help="Directory of `tidemill up` (.tidemill).")
]

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
    """Rows under `columns` on stdout; None is an empty cell."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    stdout.print(table, markup=False)


def fail(error: TidemillError) -> NoReturn:
    """Say what is wrong and end with exit code 1; as JSON where `--json` was asked for."""
    if "--json" in sys.argv:
        emit({"error": {"code": error.code, "message": str(error)}})
    stderr.print("[bold red]error[/]", f"({error.code}):", end=" ")
    stderr.print(str(error), markup=False, soft_wrap=True)
    sys.exit(1)
