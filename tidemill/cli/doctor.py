"""`tidemill doctor`: checks that everything works here."""

import asyncio
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from tidemill.cli.beside import command_settings
from tidemill.cli.doctor_storage import storage
from tidemill.cli.output import DataDir, Json, emit, new_app, stdout
from tidemill.settings import Settings
from tidemill.wiring.checkup import Finding, examine

app = new_app()
app.command()(storage)

_HELP = """Check what Tidemill needs on this host, one line each, with the way to mend what does not work.

Exit code 1 when something fails; warnings alone are 0. Safe beside a running `up`.
"""
_MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[bold red]fail[/]"}


@app.callback(invoke_without_command=True, help=_HELP)
def doctor(
    context: typer.Context,
    data_dir: DataDir = None,
    as_json: Json = False,
    verify_objects: Annotated[
        bool, typer.Option(help="Also read every byte of the storages that are kept in folders.")
    ] = False,
) -> None:
    """See `_HELP`, or leave it to the command that was named."""
    if context.invoked_subcommand is not None:
        return
    settings = command_settings(data_dir)
    findings = asyncio.run(_collect(settings, show=not as_json, verify_objects=verify_objects))
    if as_json:
        emit([asdict(each) for each in findings])
    sys.exit(1 if any(each.level == "fail" for each in findings) else 0)


async def _collect(settings: Settings, *, show: bool, verify_objects: bool) -> list[Finding]:
    findings = []
    async for finding in examine(settings, verify_objects=verify_objects):
        findings.append(finding)
        if show:
            _show(finding)
    return findings


def _show(finding: Finding) -> None:
    stdout.print(_MARKS[finding.level], end="  ")
    stdout.print(f"{finding.name}: {finding.text}", markup=False, soft_wrap=True)
    if finding.mend:
        stdout.print(f"      {finding.mend}", markup=False, soft_wrap=True)
