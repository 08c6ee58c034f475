"""`tidemill config`: shows the settings."""

from dataclasses import asdict

from tidemill.cli.output import Json, emit, new_app, show_table
from tidemill.settings import Settings

app = new_app()


@app.command()
def config(as_json: Json = False) -> None:
    """Show every setting: its variable, its value, whether that is the default, and what it is for.

    Secrets are hidden. A variable TIDEMILL_… that is no setting is an error, here as in every command.
    """
    shown = Settings.from_environment().shown()
    if as_json:
        emit([asdict(each) for each in shown])
        return
    rows = [(each.variable, each.value, "" if each.source == "default" else "set", each.doc) for each in shown]
    show_table(("variable", "value", "", "meaning"), rows)
