"""Script languages: one port, one file a language, and the table that names them all."""

from typing import Final, cast

from tidemill.languages.port import Language
from tidemill.registry import Entry, lookup

LANGUAGES: Final = {
    "python3": Entry("tidemill.languages.python:Python"),
    "bash": Entry("tidemill.languages.bash:Bash"),
}


def load_language(name: str) -> Language:
    """The language that is called `name` on the wire. They hold no state, so each caller may have its own.

    Raises:
        BadRequest: there is none; the message lists what there is.
    """
    return cast("Language", lookup(LANGUAGES, "language", name)())
