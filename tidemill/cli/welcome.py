"""What `tidemill up` says once it is ready: where to go, how to sign in, what to try."""

import shlex
import shutil
import sys
from pathlib import Path

from rich.markup import escape
from rich.panel import Panel

from tidemill.cli.output import stderr
from tidemill.cli.recovery import hand_over
from tidemill.settings import DATA_DIR
from tidemill.wiring.demo import SCRIPT
from tidemill.wiring.login_file import Login
from tidemill.wiring.s3_access import S3Access


def show_welcome(
    url: str, login: Login, s3: S3Access | None, *, data_dir: Path, recovery_kits: list[str], warning: str
) -> None:
    """Tell it on stderr; stdout is kept for `--json`."""
    for kit in recovery_kits:
        stderr.rule("[bold yellow]Recovery kit: write it down, it is shown only once", style="yellow")
        stderr.print(hand_over(kit, data_dir), soft_wrap=True, markup=False)
    if warning:
        text = f"{warning} Run only scripts that you trust. docs/guides/isolation.md says what isolation takes."
        stderr.print(Panel(escape(text), title="JOBS ARE NOT ISOLATED", border_style="bold red", style="red"))
    lines = [
        f"Open       {url}",
        *_sign_in(login),
        *_objects(s3),
        *_what_to_try(url, login, data_dir),
        "",
        "Ctrl-C stops it.",
    ]
    stderr.rule("[bold green]Tidemill is ready")
    stderr.print("\n".join(lines), soft_wrap=True, markup=False)  # no frame: commands must stay whole to be copied
    stderr.rule(style="green")


def _sign_in(login: Login) -> list[str]:
    if not login.email:
        return ["Sign in    with your account; `tidemill user set-password` helps when nobody can."]
    if not login.password:
        return [
            f"Sign in    as {login.email}, with the password that you chose (`tidemill user set-password` if lost)."
        ]
    return [f"Sign in    {login.email}", f"Password   {login.password}"]


def _objects(s3: S3Access | None) -> list[str]:
    if s3 is None:
        return []
    return [f"S3         {s3.endpoint}", f"           key {s3.access_key}", f"           secret {s3.secret_key}"]


def _what_to_try(url: str, login: Login, data_dir: Path) -> list[str]:
    if not login.token:
        return []
    place = "" if data_dir == DATA_DIR.absolute() else f" --data-dir {shlex.quote(str(data_dir))}"
    return [
        "",
        "Try        a script that keeps its state; run it twice:",
        "",
        f"  {_command()} run {SCRIPT}{place}",
        "",
        f"  curl -X POST {url}/api/w/{login.workspace}/jobs/run_wait_result/p/{SCRIPT} \\",
        f"    -H 'Authorization: Bearer {login.token}' -H 'Content-Type: application/json' -d '{{}}'",
    ]


def _command() -> str:
    """How the user reaches this program: by name, or by the path where it is not on the PATH."""
    if shutil.which("tidemill"):
        return "tidemill"
    program = Path(sys.argv[0])
    return "python -m tidemill" if program.name == "__main__.py" else shlex.quote(str(program))
