"""Where the statements of a script end: at `;`, but not at those in strings, comments, and bodies of routines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tidemill.engine.sql.dialect import Blocks, Dialect
from tidemill.engine.sql.lexer import Part, Token, tokens
from tidemill.model.errors import InvalidScript


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement: `text[start:end]` of a script, without the comments around it and the `;` at its end.

    Attributes:
        line: where it begins, from 1.
        places: the tokens in it that mark where arguments go; their positions are those of the whole script.
    """

    start: int
    end: int
    line: int
    places: tuple[Token, ...]


def split(text: str, dialect: Dialect) -> list[Piece]:
    """The statements of `text`; empty ones are left out.

    Raises:
        InvalidScript: it has a command of a client, which no server understands.
    """
    pieces = list(_pieces(text, dialect))
    if dialect.name == "bigquery" and any(_first_word(text, each) in _SCRIPT_WORDS for each in pieces):
        places = tuple(place for each in pieces for place in each.places)
        return [Piece(pieces[0].start, pieces[-1].end, pieces[0].line, places)]
    return pieces


_SCRIPT_WORDS: Final = {"DECLARE", "SET", "IF", "LOOP", "WHILE", "FOR", "REPEAT", "CASE", "BEGIN"}
"""Statements of BigQuery that only a script has, which the server takes as a whole."""


def _first_word(text: str, piece: Piece) -> str:
    return text[piece.start : piece.start + 8].upper().partition(" ")[0].strip("\r\n\t(;")


def _pieces(text: str, dialect: Dialect) -> Iterator[Piece]:
    held: list[Token] = []
    nesting = _Nesting(dialect.blocks)
    line, counted = 1, 0
    for token in _with_breaks(text, dialect):
        if token is None or (token.part is Part.END and dialect.is_split and not nesting.is_open):
            last = token if token is not None and nesting.keeps_end else None
            if held:
                start = held[0].start
                line += text.count("\n", counted, start)
                counted = start
                yield _piece(held, last, line)
            held, nesting = [], _Nesting(dialect.blocks)
        elif token.part is not Part.COMMENT and (held or token.part is not Part.END):
            held.append(token)
            nesting.take(token, text, len(held))
            if len(held) == 1:
                _refuse_client_command(text, token, dialect)


def _piece(held: Sequence[Token], last: Token | None, line: int) -> Piece:
    end = (last or held[-1]).end
    return Piece(held[0].start, end, line, tuple(each for each in held if each.part is Part.PLACE))


def _with_breaks(text: str, dialect: Dialect) -> Iterator[Token | None]:
    """The tokens; None where the script ends, and at a line of its own that ends a statement: `/` or `GO`."""
    sign = {"oracledb": "/", "mssql": "GO"}.get(dialect.name)
    for token in tokens(text, dialect):
        if sign is not None and text[token.start : token.end].upper() == sign and _is_alone(text, token):
            yield None
        else:
            yield token
    yield None


def _is_alone(text: str, token: Token) -> bool:
    begin = text.rfind("\n", 0, token.start) + 1
    end = text.find("\n", token.end)
    return not text[begin : token.start].strip() and not text[token.end : None if end < 0 else end].strip()


def _refuse_client_command(text: str, token: Token, dialect: Dialect) -> None:
    if dialect.name == "mysql" and text[token.start : token.end].upper() == "DELIMITER":
        raise InvalidScript(
            f"Line {text.count(chr(10), 0, token.start) + 1}: DELIMITER is a command of the mysql program, which the "
            "server does not know. Leave it out: where the body of a routine ends is seen without it."
        )


_ROUTINES: Final = {"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE", "TYPE"}
_OPENERS: Final = {"BEGIN", "CASE", "IF", "LOOP", "REPEAT", "WHILE", "FOR"}
_HEAD_WORDS: Final = 12
"""`create or replace definer = a@b procedure`: the kind of what is made stands among the first words."""


@dataclass(slots=True)
class _Nesting:
    """How deep inside of a statement the lexer is."""

    blocks: Blocks
    parentheses: int = 0
    depth: int = 0
    first: str = ""
    before: str = ""
    kind: str = ""
    is_atomic: bool = False
    has_body: bool = False
    waits: bool = False
    """A block was announced (`declare`, `is`) and has not begun."""
    count: int = 0
    """Of the tokens so far."""

    @property
    def is_open(self) -> bool:
        """Whether a `;` here belongs to the statement."""
        if self.blocks is Blocks.PLSQL and self.kind in {"PACKAGE", "TYPE"}:
            return self.kind == "PACKAGE" or self.has_body
        if self.first == "BEGIN" and self.count == 1:
            return False  # it starts a transaction
        return self.depth > 0 or self.waits or (self.blocks is Blocks.ATOMIC and self.parentheses > 0)

    @property
    def keeps_end(self) -> bool:
        return self.blocks is Blocks.PLSQL and self.has_body

    def take(self, token: Token, text: str, count: int) -> None:
        """One more token of the statement, its `count`th."""
        self.count = count
        match token.part:
            case Part.OPEN:
                self.parentheses += 1
            case Part.CLOSE:
                self.parentheses = max(0, self.parentheses - 1)
            case Part.WORD if self.blocks is not Blocks.NONE:
                follows = text[token.end : token.end + 1]
                self._word(text[token.start : token.end].upper(), count, is_call=follows == "(")
                return
        if token.part is not Part.OTHER or text[token.start] != ",":
            self.before = text[token.start : token.end] if token.part is Part.END else ""

    def _word(self, word: str, count: int, *, is_call: bool) -> None:
        if count == 1:
            self.first = word
        if self.first == "CREATE" and not self.kind and count <= _HEAD_WORDS and word in _ROUTINES:
            self.kind = word
        if self.blocks is Blocks.ATOMIC:
            self._atomic(word)
        elif self.kind or self._is_block:
            self._procedural(word, count, is_call=is_call)
        self.before = word

    @property
    def _is_block(self) -> bool:
        return self.blocks in {Blocks.PROCEDURAL, Blocks.PLSQL} and self.first in {"BEGIN", "DECLARE"}

    def _atomic(self, word: str) -> None:
        """Only a routine's `begin atomic` holds statements; `begin` alone starts a transaction."""
        if self.kind in {"FUNCTION", "PROCEDURE"} and word == "ATOMIC" and self.before == "BEGIN":
            self.is_atomic = True
            self.depth += 1
        elif self.is_atomic and word == "CASE":
            self.depth += 1
        elif self.is_atomic and word == "END":
            self.depth = max(0, self.depth - 1)

    def _procedural(self, word: str, count: int, *, is_call: bool) -> None:
        if self.before == "END" and word in _OPENERS:
            return  # `end if`, `end loop`
        if word == "END":
            self.depth = max(0, self.depth - 1)
        elif (
            word in {"TRANSACTION", "WORK", "TRAN"} and self.before == "BEGIN" and self.first == "BEGIN" and count == 2
        ):
            self.depth = 0
        elif word == "BEGIN" or (word in _OPENERS and self.depth > 0 and self._opens(word, is_call=is_call)):
            self.depth += 1
            self.waits = False
            self.has_body = True
        elif (word == "DECLARE" and count == 1) or (
            self.blocks is Blocks.PLSQL and word in {"IS", "AS"} and self.kind and not self.has_body
        ):
            self._announce()

    def _announce(self) -> None:
        self.waits = self.blocks is Blocks.PLSQL or self.first != "DECLARE"
        if self.kind in {"PACKAGE", "TYPE"}:
            self.waits, self.has_body = False, self.kind == "PACKAGE"

    def _opens(self, word: str, *, is_call: bool) -> bool:
        """Whether it begins a block: not the functions `if(…)`, `repeat(…)`, nor `if exists` and the loops' heads."""
        match word:
            case "IF":
                return not is_call and self.before in {"", ";", "THEN", "ELSE", "BEGIN", "LOOP", "DO", "REPEAT"}
            case "REPEAT":
                return not is_call
            case "WHILE" | "FOR":
                return self.blocks is Blocks.ROUTINES and word == "WHILE"
        return True
