"""SQL scripts: their arguments are declared in comments, and a database does the work (`queries/sql.py`)."""

from collections.abc import Collection
from typing import ClassVar, Final

from tidemill.engine.sql.declarations import Declared
from tidemill.engine.sql.dialect import Dialect
from tidemill.engine.sql.script import read_script
from tidemill.engine.sql.types import normal, schema_of
from tidemill.languages.port import ReadScript, Requirements, Workshop
from tidemill.model import jsontext
from tidemill.model.script import Parameter, Signature

DATABASE: Final = "database"


class SqlLanguage:
    """What all dialects have in common."""

    name: ClassVar[str]
    file_extension: ClassVar[str]

    def signature(self, content: str, *, entry: str = "", resource_types: Collection[str] = ()) -> Signature:
        """The argument `database`, unless the script names its database itself, and what the script declares."""
        del entry, resource_types  # SQL has neither functions that are called from outside nor types of a workspace
        script = read_script(content, self.name)
        parameters = tuple(_parameter(each, script.dialect) for each in script.declared)
        if script.dialect.resource_type and not script.annotations.database:
            parameters = (_database(script.dialect), *(each for each in parameters if each.name != DATABASE))
        return Signature(entry="", parameters=parameters)

    async def requirements(self, content: str, *, path: str, read: ReadScript) -> Requirements:
        """Nothing: SQL has no packages."""
        del content, path, read
        return Requirements()

    async def lock(self, needs: Requirements, *, workshop: Workshop) -> str:
        """Always empty."""
        del needs, workshop
        return ""


class PostgreSql(SqlLanguage):
    """The language `postgresql`; Redshift, Supabase, Neon and others speak it too."""

    name = "postgresql"
    file_extension = ".pg.sql"


class MySql(SqlLanguage):
    """The language `mysql`, for MariaDB too."""

    name = "mysql"
    file_extension = ".my.sql"


class MsSql(SqlLanguage):
    """The language `mssql`."""

    name = "mssql"
    file_extension = ".ms.sql"


class OracleDb(SqlLanguage):
    """The language `oracledb`."""

    name = "oracledb"
    file_extension = ".odb.sql"


class Snowflake(SqlLanguage):
    """The language `snowflake`."""

    name = "snowflake"
    file_extension = ".sf.sql"


class BigQuery(SqlLanguage):
    """The language `bigquery`."""

    name = "bigquery"
    file_extension = ".bq.sql"


class ClickHouse(SqlLanguage):
    """The language `clickhouse`."""

    name = "clickhouse"
    file_extension = ".ch.sql"


def _database(dialect: Dialect) -> Parameter:
    return Parameter(name=DATABASE, value_schema={"type": "object", "format": f"resource-{dialect.resource_type}"})


def _parameter(declared: Declared, dialect: Dialect) -> Parameter:
    if declared.is_name:
        schema: dict[str, object] = {"type": "string"}
        return Parameter(
            name=declared.name, value_schema={**schema, "enum": list(declared.choices)} if declared.choices else schema
        )
    has_default = declared.default is not None
    return Parameter(
        name=declared.name,
        value_schema=schema_of(normal(declared.type_name), dialect),
        has_default=has_default,
        default=jsontext.loads(declared.default) if declared.default is not None else None,
        shows_default=has_default,
    )
