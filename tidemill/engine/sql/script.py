"""A SQL script as it is written: how it is run, its arguments, and the text that goes to the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tidemill.engine.sql.annotations import Annotations, read_annotations
from tidemill.engine.sql.declarations import Declared, declarations
from tidemill.engine.sql.dialect import Dialect, dialect_of
from tidemill.engine.sql.interpolation import interpolate
from tidemill.engine.sql.statements import Piece, split
from tidemill.engine.sql.transactions import require_undivided
from tidemill.model.errors import InvalidScript

MAX_CHARS: Final = 16 * 1024 * 1024
_KEPT: Final = 256
KEPT_CHARS: Final = 16 * 1024
"""Of a script that is remembered: what is known of one may take a hundred times its length."""


@dataclass(frozen=True, slots=True)
class SqlScript:
    """What `read_script` found in `text`."""

    text: str
    dialect: Dialect
    annotations: Annotations
    declared: tuple[Declared, ...]

    def interpolated(self, args: Mapping[str, bytes], contextual: Mapping[str, str]) -> tuple[str, tuple[Piece, ...]]:
        """The text with names put in, and the statements in it.

        Raises:
            BadRequest: see `interpolation.interpolate`.
            InvalidScript: there is no statement in it, one that no server knows, or one that ends the transaction.
        """
        text = interpolate(self.text, self.declared, args, contextual)
        pieces = _pieces(text, self.dialect.name)
        if not pieces:
            raise InvalidScript("The script has no statement: it is empty, or all of it is comments.")
        if self.annotations.is_transaction:
            require_undivided(text, pieces, self.dialect)
        return text, pieces


def read_script(content: str, language: str) -> SqlScript:
    """Reads a script; those read lately are remembered, if they are short.

    Raises:
        InvalidScript: a declaration or an annotation cannot be understood; the message names it.
        BadRequest: `language` is no dialect of SQL.
    """
    return (_remembered if len(content) <= KEPT_CHARS else _read)(content, language)


def _read(content: str, language: str) -> SqlScript:
    if len(content) > MAX_CHARS:
        raise InvalidScript(f"The script has more than {MAX_CHARS} characters.")
    dialect = dialect_of(language)
    text = content.removeprefix("\ufeff")
    return SqlScript(text, dialect, read_annotations(text, dialect), declarations(text, dialect))


_remembered: Final = lru_cache(maxsize=_KEPT)(_read)


def _pieces(text: str, language: str) -> tuple[Piece, ...]:
    return (_split_before if len(text) <= KEPT_CHARS else _split)(text, language)


def _split(text: str, language: str) -> tuple[Piece, ...]:
    return tuple(split(text, dialect_of(language)))


_split_before: Final = lru_cache(maxsize=_KEPT)(_split)
