"""What `tidemill up` says once it is ready: where to go, how to sign in, what to try."""

from rich.panel import Panel

from tidemill.cli.output import stderr
from tidemill.wiring.first_start import DEMO_SCRIPT, Login


def show_welcome(url: str, login: Login, *, recovery_kits: list[str], warning: str) -> None:
    """Tell it on stderr; stdout is kept for `--json`."""
    for kit in recovery_kits:
        stderr.print(Panel(kit, title="Recovery kit: write it down, it is shown only once", border_style="yellow"))
    if warning:
        stderr.print(Panel(warning, title="JOBS ARE NOT ISOLATED", border_style="bold red", style="red"))
    lines = [
        f"[bold]Open[/]      {url}",
        f"[bold]Sign in[/]   {login.email}   password  {login.password}",
        "",
        "[bold]Try[/]       a script that keeps its state; run it twice:",
        "",
        f"  tidemill run {DEMO_SCRIPT} --url {url} --workspace {login.workspace} --token {login.token}",
        "",
        f"  curl -X POST {url}/api/w/{login.workspace}/jobs/run_wait_result/p/{DEMO_SCRIPT} \\\\",
        f"    -H 'Authorization: Bearer {login.token}' -H 'Content-Type: application/json' -d '{{}}'",
        "",
        "Ctrl-C stops everything; the data stays.",
    ]
    stderr.print(Panel("\n".join(lines), title="Tidemill is ready", border_style="green"))
