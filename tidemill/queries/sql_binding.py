"""From a SQL script and the arguments of a job to statements with their arguments. Values are bound, never spliced."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tidemill.engine.sql.declarations import Declared, ranked
from tidemill.engine.sql.dialect import Dialect, Place
from tidemill.engine.sql.lexer import Token, place_key
from tidemill.engine.sql.script import KEPT_CHARS, SqlScript
from tidemill.engine.sql.statements import Piece
from tidemill.model.by_identity import ByIdentity
from tidemill.model.errors import BadRequest, InvalidScript
from tidemill.stores.databases.port import Argument, Statement


@dataclass(frozen=True, slots=True)
class _Form:
    """A statement as it is sent, and what is bound to it."""

    text: str
    declared: tuple[Declared, ...]
    line: int

    def with_values(self, args: Mapping[str, bytes]) -> Statement:
        arguments = tuple([_argument(each, args) for each in self.declared])
        return Statement(text=self.text, arguments=arguments, line=self.line)


def bind(script: SqlScript, args: Mapping[str, bytes], contextual: Mapping[str, str]) -> list[Statement]:
    """The statements of `script`. `args`: raw JSON by name; what the script does not declare is ignored.

    Raises:
        BadRequest: an argument without a default is missing, or a name that is to be put in is none.
        InvalidScript: there is no statement, or more `?` than are declared.
    """
    text, pieces = script.interpolated(args, contextual)
    known = _FORMS(script) if len(script.text) <= KEPT_CHARS else {}
    forms = known.get(text)
    if forms is None:
        forms = _forms(script, text, pieces)
        if len(known) < _MOST_FORMS:
            known[text] = forms
    return [each.with_values(args) for each in forms]


_MOST_FORMS: Final = 4
"""Of one script: as many as it has texts, by the names that are put into it."""


def _no_forms(_: SqlScript) -> dict[str, list[_Form]]:
    return {}


_FORMS: Final = ByIdentity(_no_forms, most=256)
"""Of the scripts that `read_script` remembers."""


def _forms(script: SqlScript, text: str, pieces: Sequence[Piece]) -> list[_Form]:
    declared = {each.key: _as_json(each, script.dialect) for each in script.declared if not each.is_name}
    if Place.QUESTION in script.dialect.places and any(
        each.text(text) == "?" for piece in pieces for each in piece.places
    ):
        queue = _Ranked([_as_json(each, script.dialect) for each in ranked(text, script.dialect)])
        return [_by_rank(text, piece, queue) for piece in pieces]
    if script.dialect.places[0] in _SIGNS:
        sign = _SIGNS[script.dialect.places[0]]
        return [_by_number(text, piece, declared, sign=sign) for piece in pieces]
    return [_by_name(text, piece, declared) for piece in pieces]


_SIGNS: Final = {Place.DOLLAR_NUMBER: "$", Place.AT_NUMBER: "@P"}


def value_of(declared: Declared, args: Mapping[str, bytes]) -> bytes | None:
    """The raw JSON that is bound for an argument, or its default; None for null.

    Raises:
        BadRequest: it is missing.
    """
    raw = args.get(declared.name, declared.default)
    if raw is None:
        raise BadRequest(f"The argument {declared.name} is missing, and the script declares no default for it.")
    return None if raw.strip() == b"null" else raw


def _argument(declared: Declared, args: Mapping[str, bytes]) -> Argument:
    return Argument(name=declared.name, type_name=declared.type_name, value=value_of(declared, args))


def _as_json(declared: Declared, dialect: Dialect) -> Declared:
    """What points to an object has become its content."""
    return replace(declared, type_name=dialect.json_type) if declared.is_pointer else declared


def _by_number(text: str, piece: Piece, declared: Mapping[str, Declared], *, sign: str) -> _Form:
    """With the numbers that it uses counted anew from 1, in their order. Blanks fill up what a number gets shorter, so
    that the places in errors of the database are those of the script."""
    used = sorted({int(place_key(each.text(text))) for each in piece.places})
    numbers = {number: rank for rank, number in enumerate(used, 1)}
    for number in used:
        if str(number) not in declared:
            raise InvalidScript(
                f"Line {piece.line}: {sign}{number} is not declared: add a line `-- {sign}{number} name (type)`."
            )

    def written(token: Token) -> str:
        return f"{sign}{numbers[int(place_key(token.text(text)))]}".ljust(token.end - token.start)

    bound = tuple(declared[str(number)] for number in used)
    return _Form(_rewritten(text, piece, written), bound, piece.line)


def _by_name(text: str, piece: Piece, declared: Mapping[str, Declared]) -> _Form:
    keys = dict.fromkeys(place_key(each.text(text)) for each in piece.places)
    bound = tuple(declared[key] for key in keys if key in declared)
    return _Form(text[piece.start : piece.end], bound, piece.line)


@dataclass(slots=True)
class _Ranked:
    """Hands out the declarations of `?` one by one; a statement with declarations of its own begins anew with them."""

    declared: list[Declared]
    taken: int = 0
    known: int = 0
    """How many of them stand before the statement."""

    def for_piece(self, piece: Piece, count: int) -> Iterable[Declared]:
        before = [each for each in self.declared if each.at < piece.start]
        if len(before) > self.known:
            self.taken, self.known = self.known, len(before)
        found = self.declared[self.taken : self.known][:count]
        if len(found) < count:
            raise InvalidScript(
                f"Line {piece.line}: the statement has {count} times `?`, and {len(found)} of them are declared: add "
                "a line `-- ? name (type)` for each."
            )
        self.taken += count
        return found


def _by_rank(text: str, piece: Piece, queue: _Ranked) -> _Form:
    count = sum(each.text(text) == "?" for each in piece.places)
    found = queue.for_piece(piece, count) if count else ()
    return _Form(text[piece.start : piece.end], tuple(found), piece.line)


def _rewritten(text: str, piece: Piece, written: Callable[[Token], str]) -> str:
    parts: list[str] = []
    at = piece.start
    for token in piece.places:
        parts += (text[at : token.start], written(token))
        at = token.end
    return "".join((*parts, text[at : piece.end]))
