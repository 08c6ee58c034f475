"""The SQL that the explorer generates to define tables: from a step of a request to the statements that take it.

Names are quoted. Types and defaults are SQL of the caller's: each must be one expression, so that a statement does what
it says and nothing beside.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tidemill.engine.sql.dialect import dialect_of
from tidemill.engine.sql.lexer import Part, tokens
from tidemill.engine.sql.styles import style_of
from tidemill.model.errors import BadRequest, Unsupported

MOST_NAME_CHARS: Final = 128


class StepKind(StrEnum):
    """What a step does."""

    CREATE_SCHEMA = "create_schema"
    DROP_SCHEMA = "drop_schema"
    CREATE_TABLE = "create_table"
    DROP_TABLE = "drop_table"
    RENAME_TABLE = "rename_table"
    ADD_COLUMN = "add_column"
    DROP_COLUMN = "drop_column"
    RENAME_COLUMN = "rename_column"
    CHANGE_TYPE = "change_type"
    SET_NULLABLE = "set_nullable"
    SET_DEFAULT = "set_default"
    ADD_KEY = "add_key"
    ADD_INDEX = "add_index"
    DROP_INDEX = "drop_index"
    ADD_FOREIGN_KEY = "add_foreign_key"
    DROP_CONSTRAINT = "drop_constraint"
    SET_VALIDATOR = "set_validator"
    """Of collections alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewColumn:
    """A column that is to be. `default` is SQL; "" for none."""

    name: str
    type: str
    is_nullable: bool = True
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        column: the one that is dropped, renamed or changed; "" for none.
        to: the new name of what is renamed.
        type: the new type, SQL.
        using: how values become that type, SQL; "" for a plain cast (Postgres).
        default: the new default, SQL; "" for none.
        name: of an index or constraint; "" for one that follows from the columns.
        columns: of a new table, or the new one.
        names: the columns of a key, an index or a foreign key.
        references: schema, table and columns that a foreign key leads to.
        options: of collections, what the command takes beside, a JSON object; b"" for nothing.
    """

    kind: StepKind
    schema: str
    table: str = ""
    column: str = ""
    to: str = ""
    type: str = ""
    using: str = ""
    is_nullable: bool = True
    default: str = ""
    name: str = ""
    is_unique: bool = False
    columns: tuple[NewColumn, ...] = ()
    names: tuple[str, ...] = ()
    references: tuple[str, str, tuple[str, ...]] = ("", "", ())
    options: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What some engines must be told again about a column that is changed: its type, and the rest of its definition."""

    type: str
    rest: str
    is_nullable: bool = True


def steps_of(language: str) -> tuple[StepKind, ...]:
    """Those that the engine knows."""
    return tuple(_MAKERS.get(language, {}))


def needs_present(language: str, step: Step) -> bool:
    """Whether `define` must know the column as it is."""
    return language in {"mysql", "clickhouse", "mssql"} and step.kind in {StepKind.CHANGE_TYPE, StepKind.SET_NULLABLE}


def define(language: str, step: Step, present: Present | None = None) -> str:
    """The statement of a step.

    Raises:
        BadRequest: something is missing, or is not one expression.
        Unsupported: the engine has no such thing.
    """
    makers = _MAKERS.get(language)
    if makers is None:
        raise Unsupported(f"Tables of {language!r} cannot be defined here yet: run a script.")
    if step.kind not in makers:
        raise Unsupported(f"{language} cannot {step.kind.value.replace('_', ' ')} by a request: run a script.")
    return makers[step.kind](_Writer(language, step, present))


@dataclass(frozen=True, slots=True)
class _Writer:
    """A step with what writes its parts."""

    language: str
    step: Step
    present: Present | None

    @property
    def table(self) -> str:
        return f"{self.name(self.step.schema, 'schema')}.{self.name(self.step.table, 'table')}"

    @property
    def column(self) -> str:
        return self.name(self.step.column, "column")

    @property
    def names(self) -> str:
        if not self.step.names:
            raise BadRequest(f"{self.step.kind.value} needs `names`: the columns.")
        return ", ".join(self.name(each, "names") for each in self.step.names)

    def name(self, name: str, what: str) -> str:
        """A quoted name."""
        if not name or "\0" in name or len(name) > MOST_NAME_CHARS:
            raise BadRequest(f"{self.step.kind.value} needs `{what}`, a name of at most {MOST_NAME_CHARS} characters.")
        return style_of(self.language).quoted(name)

    def sql(self, text: str, what: str) -> str:
        """A type or an expression."""
        if not text.strip():
            raise BadRequest(f"{self.step.kind.value} needs `{what}`.")
        _require_one(text, self.language, what)
        return text.strip()

    def of(self, column: NewColumn) -> str:
        """The definition of a column."""
        type_name = self.sql(column.type, "type")
        if self.language == "clickhouse":
            type_name = type_name if not column.is_nullable else f"Nullable({type_name})"
        name = self.name(column.name, "name")
        default = f" default {self.sql(column.default, 'default')}" if column.default else ""
        nullness = "" if column.is_nullable or self.language == "clickhouse" else " not null"
        if self.language == "mssql" and column.is_nullable:
            nullness = " null"  # what is meant without a word is a setting of the session there
        return f"{name} {type_name}" + (default + nullness if self.language == "oracledb" else nullness + default)

    def text(self, text: str) -> str:
        """A text of SQL Server's."""
        return "N'" + text.replace("'", "''") + "'"

    @property
    def new_column(self) -> str:
        if len(self.step.columns) != 1:
            raise BadRequest("add_column needs `columns` with one column.")
        return self.of(self.step.columns[0])


def _require_one(text: str, language: str, what: str) -> None:
    """Refuse what would end the expression: commas and semicolons outside of parentheses, comments, open quotes."""
    depth = 0
    wrong = ""
    for token in tokens(text, dialect_of(language)):
        written = token.text(text)
        depth += (token.part is Part.OPEN) - (token.part is Part.CLOSE)
        if depth < 0 or token.part in {Part.COMMENT, Part.END} or (written == "," and not depth):
            wrong = written
        if token.part in {Part.STRING, Part.NAME} and not _is_closed(written):
            wrong = written
    if wrong or depth:
        raise BadRequest(f"`{what}` must be one expression of SQL, and {text[:60]!r} is more or less than that.")


def _is_closed(written: str) -> bool:
    last = written[-1]
    return len(written) > 1 and (last in "'\"`]" or last == "$")


def _create_table(writer: _Writer) -> str:
    step = writer.step
    parts = [writer.of(each) for each in step.columns]
    if not parts:
        raise BadRequest("create_table needs `columns`.")
    if writer.language == "clickhouse":
        key = f"({writer.names})" if step.names else "tuple()"
        return f"create table {writer.table} ({', '.join(parts)}) engine = MergeTree order by {key}"
    if step.names:
        parts.append(f"primary key ({writer.names})")
    return f"create table {writer.table} ({', '.join(parts)})"


def _alter(form: str) -> Callable[[_Writer], str]:
    """`{column}`, `{to}`, `{new}`, `{names}`, `{name}` stand for parts of the step."""

    def make(writer: _Writer) -> str:
        parts: Mapping[str, Callable[[], str]] = {
            "column": lambda: writer.column,
            "to": lambda: writer.name(writer.step.to, "to"),
            "new": lambda: writer.new_column,
            "names": lambda: writer.names,
            "name": lambda: writer.name(writer.step.name, "name"),
            "schema": lambda: writer.name(writer.step.schema, "schema"),
            "table": lambda: writer.table,
        }
        return re.sub(r"{(\w+)}", lambda match: parts[match[1]](), form)

    return make


def _change_type(writer: _Writer) -> str:
    step = writer.step
    using = writer.sql(step.using, "using") if step.using else f"{writer.column}::{writer.sql(step.type, 'type')}"
    changed = f"alter column {writer.column} type {writer.sql(step.type, 'type')} using {using}"
    return f"alter table {writer.table} {changed}"


def _set_nullable(writer: _Writer) -> str:
    verb = "drop" if writer.step.is_nullable else "set"
    return f"alter table {writer.table} alter column {writer.column} {verb} not null"


def _set_default(writer: _Writer) -> str:
    default = writer.step.default
    changed = f"set default {writer.sql(default, 'default')}" if default else "drop default"
    return f"alter table {writer.table} alter column {writer.column} {changed}"


def _add_index(writer: _Writer) -> str:
    unique = "unique " if writer.step.is_unique else ""
    name = _index_name(writer.step)
    return f"create {unique}index {writer.name(name, 'name')} on {writer.table} ({writer.names})"


def _index_name(step: Step) -> str:
    """As long as every engine takes it."""
    return step.name or "_".join((step.table, *step.names))[:59] + "_idx"


def _add_foreign_key(writer: _Writer) -> str:
    schema, table, columns = writer.step.references
    if not columns:
        raise BadRequest("add_foreign_key needs `references`: schema, table and columns.")
    to = ", ".join(writer.name(each, "references") for each in columns)
    there = f"{writer.name(schema, 'references')}.{writer.name(table, 'references')}"
    constraint = f"constraint {writer.name(writer.step.name, 'name')} " if writer.step.name else ""
    return f"alter table {writer.table} add {constraint}foreign key ({writer.names}) references {there} ({to})"


_CHARACTERS: Final = re.compile(r"(?<!\s)\s*+(?:character set|collate) \S+", re.IGNORECASE)
_NULLNESS: Final = re.compile(r"(?<!\s)\s++(?:not null|null|default null)(?=\s|\Z)", re.IGNORECASE)


def _modify(writer: _Writer) -> str:
    """MySQL forgets of a column what is not said again."""
    present, step = writer.present, writer.step
    assert present is not None, "see `needs_present`"
    type_name, rest = present.type, present.rest
    if step.kind is StepKind.CHANGE_TYPE:
        type_name = writer.sql(step.type, "type")
        if not re.match(r"(?i)(tiny|medium|long)?text|(var)?char|enum|set", type_name):
            rest = _before_texts(_CHARACTERS, rest)
    else:
        rest = (" null" if step.is_nullable else " not null") + _before_texts(_NULLNESS, f" {rest}")
    return f"alter table {writer.table} modify column {writer.column} {type_name} {rest.strip()}".rstrip()


def _before_texts(unwanted: re.Pattern[str], rest: str) -> str:
    """Without what is unwanted before the first text in quotes: a default or a comment, which come last."""
    plain, quote, texts = rest.partition("'")
    return unwanted.sub("", plain) + quote + texts


def _modify_clickhouse(writer: _Writer) -> str:
    present, step = writer.present, writer.step
    assert present is not None, "see `needs_present`"
    if step.kind is StepKind.CHANGE_TYPE:
        return f"alter table {writer.table} modify column {writer.column} {writer.sql(step.type, 'type')}"
    plain = re.sub(r"\ANullable\((.*)\)\Z", r"\1", present.type)
    return f"alter table {writer.table} modify column {writer.column} " + (
        f"Nullable({plain})" if step.is_nullable else plain
    )


def _default_clickhouse(writer: _Writer) -> str:
    default = writer.step.default
    changed = f"default {writer.sql(default, 'default')}" if default else "remove default"
    return f"alter table {writer.table} modify column {writer.column} {changed}"


def _alter_mssql(writer: _Writer) -> str:
    """SQL Server forgets whether a column may be null, if that is not said again."""
    present, step = writer.present, writer.step
    assert present is not None, "see `needs_present`"
    is_type = step.kind is StepKind.CHANGE_TYPE
    type_name = writer.sql(step.type, "type") if is_type else present.type
    nullness = "null" if (present.is_nullable if is_type else step.is_nullable) else "not null"
    return f"alter table {writer.table} alter column {writer.column} {type_name} {nullness}"


def _default_mssql(writer: _Writer) -> str:
    """A default is a constraint there, whose name is looked up where it is dropped."""
    step, column = writer.step, writer.column
    dropped = (
        f"declare @drop nvarchar(max) = (select {writer.text(f'alter table {writer.table} drop constraint ')}"  # noqa: S608 # names in quotes
        " + quotename(d.name) from sys.default_constraints d join sys.columns c on c.object_id = d.parent_object_id"
        f" and c.column_id = d.parent_column_id where d.parent_object_id = object_id({writer.text(writer.table)})"
        f" and c.name = {writer.text(step.column)}); exec (@drop)"
    )
    if not step.default:
        return dropped
    return f"{dropped}; alter table {writer.table} add default {writer.sql(step.default, 'default')} for {column}"


def _rename_mssql(writer: _Writer) -> str:
    writer.name(writer.step.to, "to")
    new = writer.text(writer.step.to)
    if writer.step.kind is StepKind.RENAME_TABLE:
        return f"exec sp_rename {writer.text(writer.table)}, {new}"
    return f"exec sp_rename {writer.text(f'{writer.table}.{writer.column}')}, {new}, N'COLUMN'"


def _modify_oracle(writer: _Writer) -> str:
    step = writer.step
    match step.kind:
        case StepKind.CHANGE_TYPE:
            changed = writer.sql(step.type, "type")
        case StepKind.SET_NULLABLE:
            changed = "null" if step.is_nullable else "not null"
        case _:
            changed = f"default {writer.sql(step.default, 'default') if step.default else 'null'}"
    return f"alter table {writer.table} modify ({writer.column} {changed})"


def _index_oracle(writer: _Writer) -> str:
    """An index is in a schema of its own; it goes where its table is."""
    unique = "unique " if writer.step.is_unique else ""
    name = f"{writer.name(writer.step.schema, 'schema')}.{writer.name(_index_name(writer.step), 'name')}"
    return f"create {unique}index {name} on {writer.table} ({writer.names})"


def _rename_beside(writer: _Writer) -> str:
    there = f"{writer.name(writer.step.schema, 'schema')}.{writer.name(writer.step.to, 'to')}"
    return f"rename table {writer.table} to {there}"


Maker = Callable[[_Writer], str]
_COMMON: Final[Mapping[StepKind, Maker]] = {
    StepKind.CREATE_TABLE: _create_table,
    StepKind.DROP_TABLE: _alter("drop table {table}"),
    StepKind.RENAME_TABLE: _rename_beside,
    StepKind.ADD_COLUMN: _alter("alter table {table} add column {new}"),
    StepKind.DROP_COLUMN: _alter("alter table {table} drop column {column}"),
    StepKind.RENAME_COLUMN: _alter("alter table {table} rename column {column} to {to}"),
}
_RELATIONAL: Final[Mapping[StepKind, Maker]] = {
    **_COMMON,
    StepKind.SET_DEFAULT: _set_default,
    StepKind.ADD_KEY: _alter("alter table {table} add primary key ({names})"),
    StepKind.ADD_INDEX: _add_index,
    StepKind.ADD_FOREIGN_KEY: _add_foreign_key,
    StepKind.DROP_CONSTRAINT: _alter("alter table {table} drop constraint {name}"),
}
_MAKERS: Final[Mapping[str, Mapping[StepKind, Maker]]] = {
    "postgresql": {
        **_RELATIONAL,
        StepKind.CREATE_SCHEMA: _alter("create schema {schema}"),
        StepKind.DROP_SCHEMA: _alter("drop schema {schema}"),
        StepKind.RENAME_TABLE: _alter("alter table {table} rename to {to}"),
        StepKind.CHANGE_TYPE: _change_type,
        StepKind.SET_NULLABLE: _set_nullable,
        StepKind.DROP_INDEX: _alter("drop index {schema}.{name}"),
    },
    "mysql": {
        **_RELATIONAL,
        StepKind.CREATE_SCHEMA: _alter("create database {schema}"),
        StepKind.CHANGE_TYPE: _modify,
        StepKind.SET_NULLABLE: _modify,
        StepKind.DROP_INDEX: _alter("drop index {name} on {table}"),
    },
    "clickhouse": {
        **_COMMON,
        StepKind.CREATE_SCHEMA: _alter("create database {schema}"),
        StepKind.CHANGE_TYPE: _modify_clickhouse,
        StepKind.SET_NULLABLE: _modify_clickhouse,
        StepKind.SET_DEFAULT: _default_clickhouse,
    },
    "mssql": {
        **_RELATIONAL,
        StepKind.CREATE_SCHEMA: _alter("create schema {schema}"),
        StepKind.DROP_SCHEMA: _alter("drop schema {schema}"),
        StepKind.RENAME_TABLE: _rename_mssql,
        StepKind.RENAME_COLUMN: _rename_mssql,
        StepKind.ADD_COLUMN: _alter("alter table {table} add {new}"),
        StepKind.CHANGE_TYPE: _alter_mssql,
        StepKind.SET_NULLABLE: _alter_mssql,
        StepKind.SET_DEFAULT: _default_mssql,
        StepKind.DROP_INDEX: _alter("drop index {name} on {table}"),
    },
    "oracledb": {
        **_RELATIONAL,
        StepKind.RENAME_TABLE: _alter("alter table {table} rename to {to}"),
        StepKind.ADD_COLUMN: _alter("alter table {table} add ({new})"),
        StepKind.CHANGE_TYPE: _modify_oracle,
        StepKind.SET_NULLABLE: _modify_oracle,
        StepKind.SET_DEFAULT: _modify_oracle,
        StepKind.ADD_INDEX: _index_oracle,
        StepKind.DROP_INDEX: _alter("drop index {schema}.{name}"),
    },
}
"""Databases of MySQL and ClickHouse are not dropped here: that takes all of their tables along."""
