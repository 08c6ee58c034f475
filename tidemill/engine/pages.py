"""What is asked of any database in the explorer: pages of things, and which one a change means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

NULL: Final = b"null"


class Operator(StrEnum):
    """How a filter compares a column with a value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    """The column's text contains the value, in upper or lower case."""
    BEGINS = "begins"
    IS_NULL = "is null"
    IS_NOT_NULL = "is not null"


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a column; `raw` is JSON."""

    column: str
    operator: Operator
    raw: bytes = NULL


@dataclass(frozen=True, slots=True)
class Order:
    """What rows are sorted by."""

    column: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which rows are wanted.

    Attributes:
        after: where it begins, raw JSON, as the page before gave it; () at first.
        query: a condition in the database's own form, where it has one, raw JSON.
        is_canonical: of documents, to mark each number with its type.
    """

    filters: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    after: tuple[bytes, ...] = ()
    limit: int = 100
    query: bytes = b""
    is_canonical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which row is meant, and as what it was seen.

    Attributes:
        key: the values of the key's columns, raw JSON; empty where there is no key.
        row: what names it in a table without a key.
        version: what it was when it was seen.
    """

    key: Mapping[str, bytes] = field(default_factory=dict)
    row: str = ""
    version: str = ""
