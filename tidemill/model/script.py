"""What a script is: its language, and the signature from which forms and clients learn its arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

JSON_SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DEFAULT_ENTRY: Final = "main"
PREPROCESSOR_ENTRY: Final = "preprocessor"
_PASSED_ON: Final = ("delete_after_use", "delete_after_secs")
"""The settings of a script that its jobs carry for those who prune them."""


def passed_on(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the jobs of a script or flow with these settings carry of them."""
    found = {name: settings[name] for name in _PASSED_ON if settings.get(name)}
    return {**found, "delete_after_use": True} if "delete_after_secs" in found else found


class Language(StrEnum):
    """A script language by the name that it has on the wire. It is also the default tag of its jobs."""

    PYTHON3 = "python3"
    BASH = "bash"
    DUCKDB = "duckdb"
    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    MSSQL = "mssql"
    ORACLEDB = "oracledb"
    SNOWFLAKE = "snowflake"
    BIGQUERY = "bigquery"
    CLICKHOUSE = "clickhouse"
    MONGODB = "mongodb"
    REDIS = "redis"
    UPSTASH = "upstash"


class Coercion(StrEnum):
    """What the sandbox makes of a JSON string, or of each in a list, before it calls the script's function."""

    DATETIME = "datetime"
    DATE = "date"
    TIME = "time"
    BYTES_BASE64 = "bytes_base64"
    LIST_OF_DATETIME = "list:datetime"
    LIST_OF_DATE = "list:date"
    LIST_OF_TIME = "list:time"
    LIST_OF_BYTES_BASE64 = "list:bytes_base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a script.

    Attributes:
        name: the key of its value among the job's arguments.
        value_schema: JSON schema of a value, without `description` and `default`; {} accepts anything.
        has_default: the script may be called without it.
        default: the JSON value that the script itself falls back to; None where `shows_default` is false.
        shows_default: the default is a literal, so that forms can show it.
        is_nullable: null is a value; a missing argument is passed as null when there is no default.
        coercion: how its JSON value becomes a value of the language; None leaves it as it is.
        note: one sentence for the form on what could not be shown, such as a computed default; "" if nothing.
    """

    name: str
    value_schema: Mapping[str, object] = field(default_factory=dict)
    has_default: bool = False
    default: object = None
    shows_default: bool = False
    is_nullable: bool = False
    coercion: Coercion | None = None
    note: str = ""

    @property
    def is_required(self) -> bool:
        """Whether a call without this argument must fail."""
        return not (self.has_default or self.is_nullable)

    def schema(self) -> dict[str, object]:
        """Its entry under `properties`, as forms and clients know it."""
        shown: dict[str, object] = {**self.value_schema, "description": self.value_schema.get("description", "")}
        if self.shows_default:
            shown["default"] = self.default
        if self.is_nullable:
            shown["nullable"] = True
        if self.note:
            shown["note"] = self.note
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The parameters of a script's entry point, found by parsing only.

    Attributes:
        parameters: in the order in which they are written.
        entry: name of the function that is called; "" for a language without functions.
        has_entry: false for a library script, which other scripts import (`no_main_func` on the wire). Then
            there are no parameters.
        has_preprocessor: there is a function `preprocessor` beside the entry point.
        takes_any: unknown arguments are passed on (`**kwargs`) instead of being left out.
        description: the first paragraph of the entry point's own documentation; "" if there is none.
    """

    parameters: tuple[Parameter, ...] = ()
    entry: str = DEFAULT_ENTRY
    has_entry: bool = True
    has_preprocessor: bool = False
    takes_any: bool = False
    description: str = ""

    @property
    def coercions(self) -> tuple[tuple[str, Coercion], ...]:
        """Name and kind of the parameters whose JSON value must be changed before the call."""
        return tuple((p.name, p.coercion) for p in self.parameters if p.coercion is not None)

    def schema(self) -> dict[str, object]:
        """The JSON schema of the arguments, in the form that Windmill's clients and forms exchange."""
        return {
            "$schema": JSON_SCHEMA_DIALECT,
            "type": "object",
            "order": [p.name for p in self.parameters],
            "properties": {p.name: p.schema() for p in self.parameters},
            "required": [p.name for p in self.parameters if p.is_required],
        }
