"""The command line: one file a command, imported when it is used."""

import sys
from typing import TYPE_CHECKING, Final

from tidemill import __version__

if TYPE_CHECKING:
    from typer import Typer

COMMANDS: Final = {
    "up": "Start everything on this machine: database, server, worker.",
    "server": "Run the API and the web pages on a database of yours.",
    "worker": "Run jobs from a database of yours.",
    "migrate": "Bring the database to this release.",
    "config": "Show all settings, with secrets hidden.",
    "doctor": "Check that everything works here, and say how to mend what does not.",
    "secrets": "Check, rotate and recover the keys of secrets.",
    "user": "Make and change accounts.",
    "token": "Make and revoke tokens.",
    "run": "Run a script of a workspace and wait for its result.",
    "s3": "Copy, list, remove and share objects of a workspace.",
}
"""Command -> what it does. The command `x` is the Typer app `app` in `cli/x.py`."""


def main() -> None:
    """The entry point of the `tidemill` command. Errors of ours end in a sentence and exit code 1."""
    name, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if name in {"--version", "-V"}:
        sys.stdout.write(f"tidemill {__version__}\n")
        return
    if name in {"--help", "-h", "help"}:
        sys.stdout.write(_overview())
        return
    from tidemill.cli.importing import imported
    from tidemill.cli.output import fail
    from tidemill.model.errors import BadRequest, TidemillError

    try:
        if name not in COMMANDS:
            raise BadRequest(f"There is no command {name!r}; `tidemill --help` lists them.")
        app: Typer = imported(f"tidemill.cli.{name}").app
        app(args=arguments, prog_name=f"tidemill {name}")
    except TidemillError as error:
        fail(error)
    except BrokenPipeError:
        sys.exit(1)


def _overview() -> str:
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{what}" for name, what in COMMANDS.items()]
    head = "Usage: tidemill COMMAND [OPTIONS]   (each command has --help and --json)"
    return "\n".join([head, "", "Commands:", *lines, ""])
