"""Defines tables of a SQL database: the statements of steps, shown or run."""

import re
from collections.abc import Sequence
from typing import Final

from tidemill.engine.sql.definitions import Present, Step, define, needs_present
from tidemill.engine.sql.styles import style_of
from tidemill.model.errors import BadRequest, ConnectionFailed, NotFound, QueryFailed
from tidemill.queries.explorer.effects import with_effect
from tidemill.queries.explorer.port import MOST_CHANGES, Defined
from tidemill.stores.databases.catalog import Catalog, Table, TableColumn, asked
from tidemill.stores.databases.port import Database, Session, SessionOptions, Statement

DEFINING_S: Final = 120.0
_OPTIONS: Final = SessionOptions(statement_timeout_s=DEFINING_S, application="tidemill explorer")
_DEFINITION: Final = re.compile(
    r"`(?:[^`]|``)*`\s+(\w+(?:\((?:[^()']|'(?:[^']|'')*')*\))?(?:\s+unsigned)?(?:\s+zerofill)?)\s*(.*)"
)


async def define_all(
    database: Database, catalog: Catalog, language: str, *, steps: Sequence[Step], is_trial: bool
) -> Defined:
    """The statements of the steps; of a trial they are shown and not sent.

    Raises:
        BadRequest, Unsupported: see `define`.
        QueryFailed: the database's own words, and what of the steps before has taken effect.
    """
    if not 1 <= len(steps) <= MOST_CHANGES:
        raise BadRequest(f"Send 1 to {MOST_CHANGES} steps.")
    async with database.session(_OPTIONS) as session:
        statements = [define(language, step, await _present(session, catalog, language, step=step)) for step in steps]
        if not is_trial:
            await _run(session, statements, is_together=database.can.transactional_ddl)
    return Defined(statements=statements, is_atomic=database.can.transactional_ddl)


async def _run(session: Session, statements: Sequence[str], *, is_together: bool) -> None:
    if is_together:
        await session.begin()
    for number, text in enumerate(statements):
        try:
            for result in await session.run(Statement(text=text)):
                async for _ in result.batches(1):
                    pass
        except (QueryFailed, ConnectionFailed) as error:
            done = 0 if is_together else number
            raise type(error)(with_effect(f"Step {number + 1}: {error}", effect_of(done))) from error
    if is_together:
        await session.commit()


def effect_of(done: int) -> str:
    """What is said behind an error of the steps that have been done."""
    if not done:
        return "Nothing was changed."
    before = "The step before it has" if done == 1 else f"The {done} steps before it have"
    return f"{before} taken effect: this database takes definitions back in no transaction."


async def _present(session: Session, catalog: Catalog, language: str, *, step: Step) -> Present | None:
    """The column as it is, where a statement must say it again."""
    if not needs_present(language, step):
        return None
    table = await catalog.table(session, step.schema, step.table)
    column = _column_of(table, step.column)
    if language != "mysql":
        return Present(type=column.type, rest="", is_nullable=column.is_nullable)
    quoted = style_of(language).quoted
    text = f"show create table {quoted(step.schema)}.{quoted(step.table)}"
    ((_, definition, *_),) = await asked(session, text)
    for line in str(definition).splitlines():
        if line.strip().startswith(f"{quoted(step.column)} ") and (match := _DEFINITION.match(line.strip())):
            return Present(type=match[1], rest=match[2].removesuffix(","))
    raise NotFound(f"The table {step.schema}.{step.table} has no column {step.column[:80]!r}.")


def _column_of(table: Table, name: str) -> TableColumn:
    for each in table.columns:
        if each.name == name:
            if each.is_generated:
                raise BadRequest(f"The column {name!r} is generated: run a script that says how.")
            return each
    raise NotFound(f"The table {table.schema}.{table.name} has no column {name[:80]!r}.")
