"""What the tests ask of a database."""

import json
from collections.abc import Iterable

from tidemill.model.column import Kind, Row
from tidemill.stores.databases.port import Argument, Database, Session, SessionOptions, Statement

PLAIN = SessionOptions()


def argument(type_name: str, value: object, *, name: str = "a", raw: bytes | None = None) -> Argument:
    """`value` as its JSON; `raw` where the test says the JSON itself."""
    return Argument(name=name, type_name=type_name, value=raw if raw is not None else json.dumps(value).encode())


def statement(text: str, *arguments: Argument, line: int = 1) -> Statement:
    return Statement(text=text, arguments=arguments, line=line)


async def rows_of(session: Session, text: str, *arguments: Argument, line: int = 1) -> list[Row]:
    """All rows of the last result."""
    result = (await session.run(statement(text, *arguments, line=line)))[-1]
    return [row async for batch in result.batches(100) for row in batch]


async def ask(
    database: Database, text: str, *arguments: Argument, options: SessionOptions = PLAIN, line: int = 1
) -> list[Row]:
    """In a session of its own."""
    async with database.session(options) as session:
        return await rows_of(session, text, *arguments, line=line)


async def run_all(
    database: Database, texts: Iterable[str], *, options: SessionOptions = PLAIN, begin: bool = False
) -> None:
    """One after the other in a session, whatever they give; in a transaction that is not ended, or none."""
    async with database.session(options) as session:
        if begin:
            await session.begin()
        for text in texts:
            await session.run(statement(text))


async def values_of(database: Database, expressions: Iterable[str]) -> dict[str, tuple[Kind, object]]:
    """Each expression with the kind and the form of its value, all read by one query."""
    asked = list(expressions)
    query = "select " + ", ".join(f"{text} as c{index}" for index, text in enumerate(asked))
    async with database.session(PLAIN) as session:
        (result,) = await session.run(statement(query))
        ((row,),) = [batch async for batch in result.batches(10)]
    return {text: (column.type.kind, value) for text, column, value in zip(asked, result.columns, row, strict=True)}


async def value_of(database: Database, text: str, *arguments: Argument) -> object:
    ((value,),) = await ask(database, text, *arguments)
    return value
