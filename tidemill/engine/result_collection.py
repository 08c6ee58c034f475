"""What of a script's results is kept: the eight modes of `result_collection`."""

from typing import Final

MODES: Final = tuple(
    f"{which}_{rows}{form}"
    for which in ("last_statement", "all_statements")
    for rows in ("all_rows", "first_row")
    for form in ("", "_scalar")
)
DEFAULT_MODE: Final = MODES[0]
