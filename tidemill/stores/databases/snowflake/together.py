"""Several statements in one request, as one transaction, and which of them an error is about."""

import re
from collections.abc import Sequence
from typing import Final, Self

from tidemill.stores.databases.port import Statement
from tidemill.stores.databases.snowflake.literals import with_literals

_FAILED: Final = re.compile(
    r"multiple statements failed on statement .*?\(at line (\d+), position -?\d+\)\.?\s*(.*?)"
    r"(?:\s+in SYSTEM\$MULTISTMT at .*)?\Z",
    re.DOTALL,
)
"""How Snowflake tells it: what runs them for it is a procedure, whose own place comes behind the words."""
_BETWEEN: Final = "\n;\n"


class Together:
    """The text of a request, and what stands in which of its lines."""

    def __init__(self, text: str, count: int, begins: Sequence[tuple[int, Statement]]) -> None:
        """`count`: of all its statements; `begins`: the line, from 1, where each of the user's begins."""
        self.text, self.count, self._begins = text, count, begins

    @classmethod
    def transaction(cls, statements: Sequence[Statement]) -> Self:
        """
        Raises:
            BadRequest: a value does not fit its declared type.
        """
        texts = ["begin transaction", *map(with_literals, statements), "commit"]
        begins, line = [], 1
        for text, statement in zip(texts, [None, *statements, None], strict=True):
            if statement is not None:
                begins.append((line, statement))
            line += text.count("\n") + _BETWEEN.count("\n")
        return cls(_BETWEEN.join(texts), len(texts), begins)

    def failed(self, words: str) -> tuple[str, Statement] | None:
        """What went wrong, in which of the statements; None where that is not told, or it is none of the user's."""
        match = _FAILED.search(words) if "failed on statement" in words else None
        if match is None:
            return None
        line = int(match[1])
        for begin, statement in reversed(self._begins):
            if begin <= line:
                return match[2].strip(), statement
        return None
