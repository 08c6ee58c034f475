"""How a SQL database would run a statement, or has run it in a transaction that is rolled back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, cast

import msgspec

from tidemill.engine.cell_json import RowEncoder
from tidemill.engine.sql.script import read_script
from tidemill.model.errors import BadRequest, Unsupported
from tidemill.queries.explorer.port import STATEMENT_S, Plan
from tidemill.queries.sql_binding import bind
from tidemill.stores.databases.port import Database, PlanningSession, Session, SessionOptions, Statement

_PLANNING: Final = SessionOptions(read_only=True, statement_timeout_s=STATEMENT_S, application="tidemill explorer")
_RUNNING: Final = SessionOptions(statement_timeout_s=STATEMENT_S, application="tidemill explorer")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prefixes:
    """What is put before a statement. `running` is "" where the database cannot run it without keeping what it does.

    Attributes:
        may_write: whether a session to plan in, and one to run in, may write, with a transaction that takes it back.
    """

    planning: str
    running: str
    may_write: tuple[bool, bool] = (False, False)


_PREFIXES: Final = {
    "postgresql": _Prefixes(
        planning="explain (format json) ",
        running="explain (analyze, buffers, format json) ",
        may_write=(False, True),
    ),
    # one to read refuses plans of writes; tables without transactions take nothing back
    "mariadb": _Prefixes(planning="explain format=json ", running="analyze format=json ", may_write=(True, False)),
    "mysql": _Prefixes(planning="explain format=json ", running="explain analyze ", may_write=(True, False)),
    "clickhouse": _Prefixes(planning="explain json = 1, indexes = 1 ", running=""),
    "bigquery": _Prefixes(planning="explain ", running=""),  # a dry run, see `stores/databases/bigquery/explaining.py`
    "snowflake": _Prefixes(planning="explain using json ", running="", may_write=(True, False)),
}


_OF_THEIR_OWN: Final = frozenset({"mssql", "oracledb"})
"""Languages whose sessions are `PlanningSession`s, which tell how a statement has run, too."""


def plans_of(language: str) -> tuple[bool, bool]:
    """Whether a database tells how a statement would be run, and how it has."""
    if language in _OF_THEIR_OWN:
        return True, True
    return language in _PREFIXES, language in _PREFIXES and bool(_PREFIXES[language].running)


async def explain(database: Database, language: str, content: str, args: Mapping[str, bytes], *, runs: bool) -> Plan:
    """The plan of the one statement of a script.

    Raises:
        BadRequest: it has several, or an argument does not fit.
        QueryFailed: the database's own words.
        Unsupported: it has no plans, or cannot run without keeping.
    """
    statement = _only_statement(content, language, args)
    if database.can.plans:
        return await _told(database, statement, runs=runs)
    if language not in _PREFIXES:
        raise Unsupported(f"Plans of {language!r} cannot be shown yet: run EXPLAIN as a script.")
    writes = _PREFIXES[language].may_write[runs]
    async with database.session(_RUNNING if writes else _PLANNING) as session:
        prefixes = _PREFIXES[await _product(session, language)]
        if runs and not prefixes.running:
            raise Unsupported(f"{language} cannot tell how a statement has run: leave `analyze` out.")
        asked = replace(statement, text=(prefixes.running if runs else prefixes.planning) + statement.text)
        takes_back = writes and database.can.transactions
        if takes_back:
            await session.begin()
        lines = await _lines(session, asked)
        if takes_back:
            await session.rollback()
    return _plan(lines, asked.text)


async def _told(database: Database, statement: Statement, *, runs: bool) -> Plan:
    """Of a database that is asked for plans in its own way; what it writes meanwhile is taken back."""
    async with database.session(_RUNNING) as session:
        await session.begin()
        told = await cast("PlanningSession", session).explain(statement, runs=runs)
        await session.rollback()
    return replace(_plan([told], statement.text), form="xml" if told.startswith("<") else "text")


def _only_statement(content: str, language: str, args: Mapping[str, bytes]) -> Statement:
    statements = bind(read_script(content, language), args, {})
    if len(statements) != 1:
        raise BadRequest(f"A plan is of one statement, and here are {len(statements)}.")
    return statements[0]


async def _product(session: Session, language: str) -> str:
    if language != "mysql":
        return language
    (line,) = await _lines(session, Statement(text="select version()"))
    return "mariadb" if "mariadb" in line.lower() else "mysql"


async def _lines(session: Session, statement: Statement) -> list[str]:
    """The only column of each row; of several columns an object a row."""
    (result,) = await session.run(statement)
    if len(result.columns) > 1:
        encoder = RowEncoder(result.columns)
        return [encoder.objects(batch).decode() async for batch in result.batches(1000)]
    cells = [row[0] async for batch in result.batches(1000) for row in batch]
    return [each.decode() if isinstance(each, bytes) else str(each) for each in cells]


def _plan(lines: list[str], sql: str) -> Plan:
    text = "\n".join(lines)
    try:
        return Plan(form="json", plan=msgspec.Raw(msgspec.json.format(text.encode(), indent=-1)), sql=sql)
    except msgspec.DecodeError:
        return Plan(form="text", plan=msgspec.Raw(msgspec.json.encode(text)), sql=sql)
