"""How Oracle would run a statement, or has run it, as its `dbms_xplan` writes it."""

import secrets
from collections.abc import Mapping
from typing import Final

import oracledb

from tidemill.model.errors import QueryFailed

_SHOWN: Final = "select plan_table_output from table(dbms_xplan.display('PLAN_TABLE', :mark, 'TYPICAL'))"
_MEASURED: Final = "select plan_table_output from table(dbms_xplan.display_cursor(null, null, 'ALLSTATS LAST'))"
_MEASURE: Final = "alter session set statistics_level = all"
_ROWS: Final = 1000
_BEGIN: Final = "Plan hash value:"
"""In what is told of a plan; who may not see it is told so in its place."""


class Plans:
    """Asks for plans on one connection. `sent` is what the server got last, for places in its errors."""

    def __init__(self, cursor: oracledb.Cursor) -> None:
        self._cursor = cursor
        self.sent = ""

    def planned(self, text: str, variables: Mapping[str, oracledb.Var]) -> str:
        """How it would be run. The rows of the plan go with the transaction that has begun."""
        mark = f"tidemill {secrets.token_hex(8)}"
        self.sent = f"explain plan set statement_id = '{mark}' for {text}"
        self._cursor.execute(self.sent, variables or None)
        self._cursor.execute(_SHOWN, {"mark": mark})
        return self._text()

    def measured(self, text: str, variables: Mapping[str, oracledb.Var]) -> str:
        """How it has run: all of its rows are read. What steps give and take is counted until the session ends.

        Raises:
            QueryFailed: the user may not see it.
        """
        self._cursor.execute(_MEASURE)
        self.sent = text
        self._cursor.arraysize = _ROWS
        self._cursor.execute(text, variables or None)
        while self._cursor.description and self._cursor.fetchmany(_ROWS):
            pass
        self._cursor.execute(_MEASURED)
        told = self._text()
        if _BEGIN not in told:
            raise QueryFailed(
                f"Oracle does not tell how the statement has run: {' '.join(told.split())[:400]} The user needs to "
                "read v$session, v$sql, v$sql_plan and v$sql_plan_statistics_all: grant it select_catalog_role, or "
                "leave `analyze` out."
            )
        return told

    def _text(self) -> str:
        return "\n".join(line or "" for (line,) in self._cursor)
