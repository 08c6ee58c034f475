"""How commands talk: results on stdout (as JSON with `--json`), everything else on stderr."""

import json
import sys
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from tidemill.model.errors import TidemillError

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]

stderr = Console(stderr=True, highlight=False)
stdout = Console(highlight=False)


def emit(value: object) -> None:
    """One line of JSON on stdout."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def fail(error: TidemillError) -> NoReturn:
    """Say what is wrong and end with exit code 1; as JSON where `--json` was asked for."""
    if "--json" in sys.argv:
        emit({"error": {"code": error.code, "message": str(error)}})
    stderr.print(f"[bold red]error[/] ({error.code}): {error}", soft_wrap=True)
    sys.exit(1)
