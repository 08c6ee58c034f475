"""Imported ahead in a warm interpreter: an engine with its extensions, which each job gets a copy of by its fork.

To load them takes half a second; a fork a few milliseconds. The engine has one thread only until the job has it, so
that there is nothing that a fork would lose.
"""

from typing import Final

from .engine import COMMON, connect, set_up
from .run import Script

ENGINE: Final = connect()
_REHEARSAL: Final = {
    "statements": [{"text": "select $a as a, $b as b, [$c] as c, interval '1 day' as d", "line": 1}],
    "arguments": {
        "a": {"type": "decimal(4,2)", "json": "1.50"},
        "b": {"type": "timestamptz", "json": '"2024-02-29 12:00:00+00"'},
        "c": {"type": "text", "json": '"x"'},
    },
    "big_as_text": False,
    "collection": "last_statement_all_rows",
    "is_transaction": False,
}

set_up(ENGINE, COMMON)
Script(ENGINE, _REHEARSAL, ()).run()  # what Python imports and compiles on first use is there before the first fork
