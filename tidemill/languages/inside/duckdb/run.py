"""Runs the statements of a script one after the other, and gathers what its result is made of."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import duckdb
from duckdb import DuckDBPyConnection, ExpectedResultType, Statement, StatementType, Value
from duckdb.sqltypes import DuckDBPyType

from .arguments import Arguments
from .cells import Form, Forms, text
from .engine import BUILT_IN, MENTIONS, for_job, literal, quoted
from .faults import BadRequest, Refused, TooLarge, Unsupported, query_failed
from .waiting import whole

_AT_ONCE: Final = 1024
_WORD: Final = re.compile(rb"\w+")
_LOADABLE: Final = {*MENTIONS, *BUILT_IN, "postgres", "mysql"}
_DESCRIBE: Final = "describe\n"
"""Before a query it asks for its columns. On a line of its own: then columns in errors are those of the script."""
_ABOUT: Final = frozenset({"show", "describe", "desc", "summarize"})
"""What begins a statement that tells about others, and cannot be described itself."""


class Written:
    """A result that is JSON already; the bootstrap takes it as it is."""

    def __init__(self, content: bytes) -> None:
        self.__json_text__ = content


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result with the form of its values."""

    name: str
    form: Form


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one statement, read as they are wanted."""

    columns: Sequence[Column]
    rows: Iterator[Sequence[Any]]


def main(plan: Mapping[str, Any]) -> Written:
    """The result of a script; `tidemill/languages/duckdb.py` says what is in the plan."""
    for name in ("numpy", "pandas"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # DuckDB would look for them again and again
    secrets = _secrets(plan)
    engine = for_job(_mentioned(plan), attaches=bool(plan["attaches"]))
    for secret in plan["secrets"]:
        _create_secret(engine, secret)
    script = Script(engine, plan, secrets)
    return Written(script.run().encode())


class Script:
    """One run of a script."""

    def __init__(self, engine: DuckDBPyConnection, plan: Mapping[str, Any], secrets: tuple[str, ...]) -> None:
        self._engine = engine
        self._statements: Sequence[Mapping[str, Any]] = plan["statements"]
        self._arguments = Arguments(engine, plan["arguments"])
        self._forms = Forms(big_as_text=bool(plan["big_as_text"]))
        self._collection: str = plan["collection"]
        self._is_transaction = bool(plan["is_transaction"])
        self._secrets = secrets
        self._room = int(os.environ.get("TIDEMILL_MAX_RESULT_BYTES") or 1 << 40)

    def run(self) -> str:
        """The result as JSON."""
        if not self._statements:
            raise BadRequest("The script has no statement.")
        if not self._is_transaction:
            return self._all()
        self._engine.execute("begin transaction")
        result = self._all()
        self._engine.execute("commit")
        return result

    def _all(self) -> str:
        is_of_all = self._collection.startswith("all_")
        results: list[str] = []
        for place, statement in enumerate(self._statements, start=1):
            is_collected = is_of_all or place == len(self._statements)
            results += self._one(statement["text"], line=statement["line"], is_collected=is_collected)
        return f"[{','.join(results)}]" if is_of_all else results[-1]

    def _one(self, sql: str, *, line: int, is_collected: bool) -> Iterable[str]:
        try:
            with whole(self._engine, line=line) if _writes_objects(sql) else nullcontext():
                rows = self._execute(sql, line=line)
                if is_collected:
                    return [self._collect(rows)]
                for _ in rows.rows:  # what a statement does, it does when its rows are read
                    pass
        except (duckdb.Error, RuntimeError) as error:
            raise query_failed(error, line=line, secrets=self._secrets) from error
        return ()

    def _execute(self, sql: str, *, line: int) -> Rows:
        parts = duckdb.extract_statements(sql)
        arguments = self._arguments.of({name for part in parts for name in part.named_parameters})
        only = parts[0] if len(parts) == 1 else None  # some statements are made of several, such as PIVOT
        match only.type if only is not None else None:
            case StatementType.SELECT if not _ABOUT & set(_keywords(sql)[:1]):
                return self._select(sql, arguments, line=line)
            case StatementType.LOAD:
                _refuse_unknown_extension(sql)
                return Rows((), iter(()))
        if only is None or _gives_rows(only, sql):
            return self._relation(sql, arguments)
        self._engine.execute(sql, arguments or None)
        kinds = [(name, kind) for name, kind, *_ in self._engine.description or ()]
        return Rows(self._columns(kinds), self._fetched(self._engine))

    def _select(self, sql: str, arguments: dict[str, Value], *, line: int) -> Rows:
        """A query is asked for its columns first: where Python would lose values, it is put into one that does not."""
        try:
            described = self._engine.execute(_DESCRIBE + sql, arguments or None).fetchall()
        except duckdb.Error as error:
            raise query_failed(error, line=line, above=1, secrets=self._secrets) from error
        kinds = self._kinds(sql, arguments, [kind for _, kind, *_ in described])
        columns = self._columns([(name, kind) for (name, *_), kind in zip(described, kinds, strict=True)])
        if any(column.form.ask is not None for column in columns):
            sql = f"select {_asked(columns)} from (\n{sql}\n)"
        self._engine.execute(sql, arguments or None)
        return Rows(columns, self._fetched(self._engine))

    def _kinds(self, sql: str, arguments: dict[str, Value], told: Sequence[str]) -> list[DuckDBPyType]:
        """The types of a query's columns; some cannot be read back from their text, such as structs without names."""
        try:
            return [self._engine.type(kind) for kind in told]
        except duckdb.Error:
            self._engine.execute(f"select * from (\n{sql}\n) limit 0", arguments or None)
            return [kind for _, kind, *_ in self._engine.description or ()]

    def _relation(self, sql: str, arguments: dict[str, Value]) -> Rows:
        """What is no query but gives rows: `insert … returning`, `show`, `call`."""
        relation: Any = self._engine.sql(sql, params=arguments or None)  # its types leave out that it may be None
        if relation is None:
            return Rows((), iter(()))
        columns = self._columns(list(zip(relation.columns, relation.types, strict=True)))
        if any(column.form.ask is not None for column in columns):
            relation = relation.project(_asked(columns))
        return Rows(columns, self._fetched(relation))

    def _columns(self, kinds: Iterable[tuple[str, DuckDBPyType]]) -> list[Column]:
        return [Column(name, self._forms.of(kind, name)) for name, kind in kinds]

    def _fetched(self, source: Any) -> Iterator[Sequence[Any]]:
        while rows := source.fetchmany(_AT_ONCE):
            yield from rows

    def _collect(self, rows: Rows) -> str:
        is_first, is_scalar = "_first_row" in self._collection, self._collection.endswith("_scalar")
        written = self._written(rows, is_scalar=is_scalar)
        if is_first:
            return next(written, "null")
        return f"[{','.join(written)}]"

    def _written(self, rows: Rows, *, is_scalar: bool) -> Iterator[str]:
        """Each row as JSON.

        Raises:
            TooLarge: all together are over the limit.
        """
        keys = [] if is_scalar else [f"{text(name)}:" for name in _distinct(rows.columns)]
        forms = [column.form.written for column in rows.columns]
        for row in rows.rows:
            if is_scalar:
                line = forms[0](row[0])
            else:
                members = (key + form(value) for key, form, value in zip(keys, forms, row, strict=True))
                line = f"{{{','.join(members)}}}"
            self._room -= len(line) + 1
            if self._room < 0:
                raise TooLarge(
                    f"The result has more than {os.environ['TIDEMILL_MAX_RESULT_BYTES']} bytes of JSON: write it to an "
                    "object (copy (select …) to 's3:///rows.parquet'), or select less."
                )
            yield line


def _asked(columns: Sequence[Column]) -> str:
    """What to select: by position, for names may be there twice."""
    return ", ".join(f"{column.form.asked(f'#{place}')} as c{place}" for place, column in enumerate(columns, start=1))


def _distinct(columns: Sequence[Column]) -> list[str]:
    names = [column.name for column in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadRequest(
            f"Two columns are called {twice}, and an object has each name once: give one another name with AS."
        )
    return names


def _gives_rows(statement: Statement, sql: str) -> bool:
    if statement.expected_result_type == [ExpectedResultType.QUERY_RESULT]:
        return True
    return "returning" in _keywords(sql)


def _keywords(sql: str) -> list[str]:
    """The key words of a statement in their order, in lower case; what is in strings and names is none."""
    encoded = sql.encode()
    found = (_WORD.match(encoded, at) for at, kind in duckdb.tokenize(sql) if kind == duckdb.token_type.keyword)
    return [each[0].decode().lower() for each in found if each is not None]


def _writes_objects(sql: str) -> bool:
    return _keywords(sql)[:1] in (["copy"], ["export"])


def _refuse_unknown_extension(sql: str) -> None:
    """INSTALL and LOAD of what is there do nothing; there is nothing else.

    Raises:
        Unsupported: it is not there.
    """
    name = re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL).split()[-1].strip("'\";").lower()
    if name not in _LOADABLE or re.search(r"\bfrom\b", sql, re.IGNORECASE):
        raise Unsupported(
            f"Extensions are not installed from elsewhere. There are {', '.join(sorted(_LOADABLE))}; they are loaded "
            "already."
        )


def _create_secret(engine: DuckDBPyConnection, secret: Mapping[str, Any]) -> None:
    options = ", ".join(f"{name} {literal(value)}" for name, value in secret["options"].items())
    engine.execute(f"create secret {quoted(secret['name'])} (type {secret['type']}, {options})")


def _secrets(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """What no message may hold: the token's secret part, and the passwords of attached databases."""
    _, _, signature = os.environ.get("WM_TOKEN", "").rpartition(".")
    passwords = [secret["options"].get("password", "") for secret in plan["secrets"]]
    return tuple(each for each in (signature, *passwords) if each)


def _mentioned(plan: Mapping[str, Any]) -> str:
    texts = [statement["text"] for statement in plan["statements"]]
    return "\n".join((*texts, *(given["json"] for given in plan["arguments"].values()))).lower()


__all__ = ["Refused", "Written", "main"]
