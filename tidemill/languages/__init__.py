"""Script languages: one port, one file a language, and the table that names them all."""

from functools import cache
from typing import Final, cast

from tidemill.languages.port import Language
from tidemill.registry import Entry, lookup

LANGUAGES: Final = {
    "python3": Entry("tidemill.languages.python:Python"),
    "bash": Entry("tidemill.languages.bash:Bash"),
}


@cache
def load_language(name: str) -> Language:
    """The language called `name` on the wire; languages hold no state, so there is one object of each.

    Raises:
        BadRequest: there is none; the message lists those that there are.
    """
    return cast("Language", lookup(LANGUAGES, "language", name)())
