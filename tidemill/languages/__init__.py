"""Script languages: one port, one file a language, and the table that names them all."""

from typing import Final

from tidemill.registry import Entry

LANGUAGES: Final = {
    "python3": Entry("tidemill.languages.python:Python"),
    "bash": Entry("tidemill.languages.bash:Bash"),
}
