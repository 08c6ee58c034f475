"""The SQL dialects: how each writes strings, names, comments and the places of arguments.

A dialect is data, so that a new one is an entry of `DIALECTS`; the lexer, the splitter and the declarations read it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidemill.model.errors import BadRequest


class Place(StrEnum):
    """How a statement marks where an argument goes, and so how a script declares it."""

    DOLLAR_NUMBER = "$1"
    DOLLAR_NAME = "$name"
    COLON_NAME = ":name"
    AT_NUMBER = "@P1"
    AT_NAME = "@name"
    QUESTION = "?"
    BRACES = "{name:Type}"


class Blocks(StrEnum):
    """Which statements hold others, whose `;` do not end them."""

    NONE = "none"
    ATOMIC = "atomic"
    """`begin atomic … end` of a routine, and parentheses (`create rule … do (…; …)`)."""
    ROUTINES = "routines"
    """The bodies of `create procedure`, `function`, `trigger`, `event`."""
    PROCEDURAL = "procedural"
    """Those, and blocks that stand alone: `begin … end`, `declare …`."""
    PLSQL = "plsql"
    """As PROCEDURAL; a line with nothing but `/` ends them too, and a body keeps the `;` at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one dialect is written.

    Attributes:
        places: how arguments are marked; the first is the one that messages show.
        resource_type: of the resource that the argument `database` names.
        is_split: statements are sent one by one; else the whole script is one batch.
        escapes: a backslash in a plain string takes the next character with it.
        escape_prefix: so it does in strings with an `E` before them.
        double_is_string: `"…"` is a string rather than a name.
        json_type: of an argument that is JSON; all but `json` take its text.
        nests: block comments nest.
        dollar_quotes: `$$…$$` is a string; `dollar_tags`: `$tag$…$tag$` too.
        line_comments: what begins a comment that ends with the line.
        dash_needs_blank: `--` begins one only before a blank.
    """

    name: str
    places: tuple[Place, ...]
    resource_type: str
    blocks: Blocks = Blocks.NONE
    is_split: bool = True
    json_type: str = "json"
    escapes: bool = False
    escape_prefix: bool = False
    double_is_string: bool = False
    nests: bool = False
    dollar_quotes: bool = False
    dollar_tags: bool = False
    backticks: bool = False
    brackets: bool = False
    triple_quotes: bool = False
    quote_operator: bool = False
    """Oracle's `q'[…]'`."""
    hints_are_code: bool = False
    """MySQL's `/*! … */`."""
    word_signs: str = "$"
    """What words may hold beside letters and digits."""
    line_comments: tuple[str, ...] = ("--",)
    dash_needs_blank: bool = False
    continues_lines: bool = False
    """A string goes on where nothing but blanks with a line's end lie between two of them."""


_ALL: Final = (
    Dialect(
        name="postgresql",
        places=(Place.DOLLAR_NUMBER,),
        resource_type="postgresql",
        blocks=Blocks.ATOMIC,
        escape_prefix=True,
        nests=True,
        dollar_quotes=True,
        dollar_tags=True,
        continues_lines=True,
    ),
    Dialect(
        name="mysql",
        places=(Place.COLON_NAME, Place.QUESTION),
        resource_type="mysql",
        blocks=Blocks.ROUTINES,
        escapes=True,
        double_is_string=True,
        backticks=True,
        hints_are_code=True,
        line_comments=("--", "#"),
        dash_needs_blank=True,
    ),
    Dialect(
        name="mssql",
        places=(Place.AT_NUMBER,),
        resource_type="ms_sql_server",
        is_split=False,
        json_type="nvarchar(max)",
        nests=True,
        brackets=True,
        word_signs="$#@",
    ),
    Dialect(
        name="oracledb",
        places=(Place.COLON_NAME,),
        resource_type="oracledb",
        json_type="clob",
        blocks=Blocks.PLSQL,
        quote_operator=True,
        word_signs="$#",
    ),
    Dialect(
        name="snowflake",
        places=(Place.QUESTION,),
        resource_type="snowflake",
        json_type="varchar",
        blocks=Blocks.PROCEDURAL,
        escapes=True,
        dollar_quotes=True,
        line_comments=("--", "//"),
    ),
    Dialect(
        name="bigquery",
        places=(Place.AT_NAME,),
        resource_type="bigquery",
        json_type="string",
        blocks=Blocks.PROCEDURAL,
        escapes=True,
        double_is_string=True,
        backticks=True,
        triple_quotes=True,
        line_comments=("--", "#"),
    ),
    Dialect(
        name="clickhouse",
        places=(Place.BRACES,),
        resource_type="clickhouse",
        json_type="String",
        escapes=True,
        backticks=True,
        nests=True,
        dollar_quotes=True,
        dollar_tags=True,
        line_comments=("--", "#!", "# "),
    ),
    Dialect(
        name="duckdb",
        places=(Place.DOLLAR_NAME,),
        resource_type="",
        escape_prefix=True,
        nests=True,
        dollar_quotes=True,
        dollar_tags=True,
        continues_lines=True,
    ),
)

DIALECTS: Final = {each.name: each for each in _ALL}


def dialect_of(language: str) -> Dialect:
    """The dialect of a script language.

    Raises:
        BadRequest: there is none of this name.
    """
    if language not in DIALECTS:
        raise BadRequest(f"There is no SQL dialect called {language[:40]!r}; there are: {', '.join(DIALECTS)}.")
    return DIALECTS[language]
