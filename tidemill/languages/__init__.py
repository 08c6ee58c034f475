"""Script languages: one port, one file a language, and the tables that name them all."""

from typing import Final, cast

from tidemill.languages.port import Language, ProgramLanguage
from tidemill.model.flow import InlineScript, Step
from tidemill.registry import Entry, lookup

PROGRAM_LANGUAGES: Final = {
    "python3": Entry("tidemill.languages.python:Python"),
    "bash": Entry("tidemill.languages.bash:Bash"),
    "duckdb": Entry("tidemill.languages.duckdb:DuckDb"),
}
"""Their jobs are programs in the sandbox."""

QUERY_LANGUAGES: Final = {
    "postgresql": Entry("tidemill.languages.sql:PostgreSql"),
    "mysql": Entry("tidemill.languages.sql:MySql"),
    "mssql": Entry("tidemill.languages.sql:MsSql"),
    "oracledb": Entry("tidemill.languages.sql:OracleDb"),
    "snowflake": Entry("tidemill.languages.sql:Snowflake"),
    "bigquery": Entry("tidemill.languages.sql:BigQuery"),
    "clickhouse": Entry("tidemill.languages.sql:ClickHouse"),
    "mongodb": Entry("tidemill.languages.documents:MongoDb"),
    "redis": Entry("tidemill.languages.keys:Redis"),
    "upstash": Entry("tidemill.languages.keys:Upstash"),
}
"""A database does the work of their jobs; `queries/` sends it."""

LANGUAGES: Final = {**PROGRAM_LANGUAGES, **QUERY_LANGUAGES}


def load_language(name: str) -> Language:
    """The language that is called `name` on the wire. They hold no state, so each caller may have its own.

    Raises:
        BadRequest: there is none; the message lists what there is.
    """
    return cast("Language", lookup(LANGUAGES, "language", name)())


def load_program_language(name: str) -> ProgramLanguage:
    """As `load_language`, for one whose jobs are programs.

    Raises:
        BadRequest: there is none; the message lists what there is.
    """
    return cast("ProgramLanguage", lookup(PROGRAM_LANGUAGES, "language of programs", name)())


def is_unlocked(step: Step) -> bool:
    """Whether a script stands in a step whose dependencies are not decided; those of queries are the databases'."""
    return isinstance(step.kind, InlineScript) and step.kind.lock is None and step.kind.language not in QUERY_LANGUAGES


def may_be_workflow(name: str, content: str) -> bool:
    """Whether a script in the language `name` may be a workflow in code."""
    return name in PROGRAM_LANGUAGES and load_program_language(name).is_workflow(content)
