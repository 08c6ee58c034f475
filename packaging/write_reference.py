"""Writes the pages of docs/reference that follow from the code: `python packaging/write_reference.py [--check]`.

Each page is one row of `PAGES`: its path and the function that gives its text. With `--check` nothing is written, and
the exit status is 1 when a page is not what its function gives.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import typer

import tidemill.engine.s3_faults
import tidemill.server.app  # noqa: F401  # the errors that the server adds
from tidemill.cli import COMMANDS
from tidemill.engine.cell_json import ScalarEncoder
from tidemill.engine.sql.annotations import Format
from tidemill.model.column import BinaryText, Column, DataType, Kind
from tidemill.model.errors import TidemillError
from tidemill.model.resource_type import CatalogueType, catalogue
from tidemill.queries.row_writers import row_writer
from tidemill.server.errors import STATUSES
from tidemill.settings import Settings
from tidemill.stores.databases.arrow_columns import arrow_type
from tidemill.stores.databases.oracle.columns import fetched

ROOT: Final = Path(__file__).resolve().parent.parent
COMMAND: Final = "python packaging/write_reference.py"

CATEGORIES: Final = {
    "database": "Databases",
    "object_storage": "Objects and files",
    "messaging": "Messages and mail",
    "ai": "Models and vectors",
    "productivity": "Office",
    "crm": "Customers",
    "finance": "Money and shops",
    "dev": "Development",
    "cloud": "Clouds",
    "internal": "Kept by Tidemill itself",
}


def resource_types() -> str:
    """All types of the catalogue, by category, with their fields."""
    kinds = catalogue()
    lines = [
        "# Resource types",
        "",
        f"Tidemill ships {len(kinds)} resource types; they need no network. Workspaces can add their own.",
        "A field with **\\*** is required. One with 🔒 is a secret: keep it in a variable,",
        "and write `$var:<path>` in its place.",
        "Where URL schemes are named, pasting such a URL fills in the form.",
        "",
    ]
    for category, title in CATEGORIES.items():
        found = [kind for kind in kinds.values() if kind.category == category]
        lines += [f"## {title}", ""]
        for kind in sorted(found, key=lambda kind: kind.display_name.lower()):
            lines += _type_section(kind)
    return "\n".join(lines).rstrip() + "\n"


def _type_section(kind: CatalogueType) -> list[str]:
    lines = [f"### `{kind.name}`", "", f"**{kind.display_name}.** {kind.description}", ""]
    if kind.url_schemes:
        lines += ["URL schemes: " + ", ".join(f"`{scheme}`" for scheme in kind.url_schemes) + ".", ""]
    if kind.format_extension:
        lines += [f"One text file with the extension `.{kind.format_extension}`.", ""]
    rows = list(_rows(kind.schema, place=""))
    if rows:
        lines += ["| field | type | default | meaning |", "| --- | --- | --- | --- |", *rows, ""]
    return lines


def _rows(schema: Mapping[str, object], *, place: str) -> Iterator[str]:
    required, fields = schema.get("required"), schema.get("properties")
    names = required if isinstance(required, list) else []
    for name, field in fields.items() if isinstance(fields, dict) else ():
        marks = ("\\*" if name in names else "") + (" 🔒" if field.get("password") else "")
        default = f"`{_written(field['default'])}`" if field.get("default") not in (None, "") else ""
        meaning = str(field.get("description", "")) + _choices(field)
        yield f"| `{place}{name}`{marks} | {field.get('type', 'any')} | {default} | {meaning} |"
        yield from _inner_rows(field, place=f"{place}{name}")


def _inner_rows(field: Mapping[str, object], *, place: str) -> Iterator[str]:
    forms, items = field.get("oneOf"), field.get("items")
    yield from _rows(field, place=f"{place}.")
    if isinstance(items, dict):
        yield from _rows(items, place=f"{place}[].")
    for form in forms if isinstance(forms, list) else []:
        inner = {name: part for name, part in form["properties"].items() if name != "label"}
        for row in _rows(form | {"properties": inner}, place=f"{place}."):
            yield row.removesuffix(" |") + f" With `label` `{form['title']}`. |"


def _written(default: object) -> str:
    return default if isinstance(default, str) else json.dumps(default)


def _choices(field: Mapping[str, object]) -> str:
    choices, forms = field.get("enum"), field.get("oneOf")
    if isinstance(forms, list):
        choices = [form["title"] for form in forms]
    named = ", ".join(f"`{choice}`" for choice in choices) if isinstance(choices, list) else ""
    return (" `label` is one of " if forms else " One of ") + named + "." if named else ""


def errors() -> str:
    """All error codes with their statuses and meanings."""
    lines = [
        "# Error codes",
        "",
        "An answer with a status of 400 or more has one sentence as its body: what is wrong, and how to mend it.",
        "The header `X-Tidemill-Error` holds a code that stays the same over releases; commands with `--json` print it",
        "as `error.code`.",
        "",
        "| code | status | meaning |",
        "| --- | --- | --- |",
    ]
    for kind in sorted(_kinds(TidemillError), key=lambda kind: kind.code):
        meaning = " ".join((kind.__doc__ or "").partition("\n\n")[0].split())
        lines.append(f"| `{kind.code}` | {STATUSES[kind.code].value} | {meaning} |")
    return "\n".join(lines) + "\n"


def _kinds(base: type[TidemillError]) -> Iterator[type[TidemillError]]:
    """`base` and what derives from it, one for each code."""
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def settings() -> str:
    """All settings with their variables and defaults."""
    lines = [
        "# Settings",
        "",
        "Settings are environment variables, read once at the start. Options of a command win over them. A variable",
        "`TIDEMILL_…` that is none of these is refused by its name, so that a typing mistake does not pass unseen.",
        "`tidemill config` shows what holds where you are. Those with 🔒 are secrets: they are never shown or logged.",
        "",
        "| variable | default | meaning |",
        "| --- | --- | --- |",
    ]
    for shown in Settings.from_environment({}).shown({}):
        default = f"`{shown.default}`" if shown.default else ""
        lines.append(f"| `{shown.variable}`{' 🔒' if shown.secret else ''} | {default} | {shown.doc} |")
    lines += [
        "",
        "`_S` are seconds, `_BYTES` bytes. The heartbeat must be shorter than the time after which a worker kills its",
        "jobs, and that shorter than the lease: otherwise two workers could run one job at once.",
        "",
        "`tidemill run` and `tidemill s3` read `BASE_URL` or `WM_BASE_URL`, `WM_TOKEN` and `WM_WORKSPACE` as well.",
    ]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """All commands with their arguments and options, from the text of their `--help`."""
    lines = [
        "# Commands",
        "",
        "Results go to stdout, everything else to stderr. With `--json` the result is one line of JSON; an error is",
        '`{"error": {"code", "message"}}` then. The exit code is 0 when all is well, 1 on an error, 2 on wrong usage.',
        "Commands without `--url` work on the database of `DATABASE_URL`, else on the one in the data directory,",
        "whether `tidemill up` runs there or not.",
        "",
    ]
    for name, what in COMMANDS.items():
        app = import_module(f"tidemill.cli.{name}").app
        found: Any = typer.main.get_command(app)
        inner = getattr(found, "commands", None)
        lines += [f"## `tidemill {name}`", ""]
        if inner is None:
            lines += _command(found)
            continue
        lines += _command(found) if found.invoke_without_command else [what, ""]
        for part, command in inner.items():
            lines += [f"### `tidemill {name} {part}`", "", *_command(command)]
    return "\n".join(lines).rstrip() + "\n"


def _command(command: Any) -> list[str]:
    shown = [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
    rows = [
        f"| {_spelled(each)} | {each.help or ''} |" for each in sorted(shown, key=lambda each: each.param_type_name)
    ]
    table = ["| | |", "| --- | --- |", *rows, ""] if rows else []
    return [(command.help or "").strip(), "", *table]


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    return ", ".join(f"`{spelling}`" for spelling in parameter.opts)


EXAMPLES: Final = (
    (DataType(name="", kind=Kind.BOOL), True),
    (DataType(name="", kind=Kind.INTEGER), 9007199254740993),
    (DataType(name="", kind=Kind.INTEGER, bits=0), 2**80),
    (DataType(name="", kind=Kind.FLOAT), 0.1),
    (DataType(name="", kind=Kind.FLOAT), float("-inf")),
    (DataType(name="", kind=Kind.DECIMAL, precision=10, scale=2), Decimal("1.50")),
    (DataType(name="", kind=Kind.DECIMAL), Decimal("0.12345678901234567890")),
    (DataType(name="", kind=Kind.DECIMAL), Decimal("NaN")),
    (DataType(name="", kind=Kind.TEXT), 'a "text"'),
    (DataType(name="", kind=Kind.BINARY, binary=BinaryText.HEX), b"\x01\xff"),
    (DataType(name="", kind=Kind.BINARY), b"\x01\xff"),
    (DataType(name="", kind=Kind.DATE), "2024-02-29"),
    (DataType(name="", kind=Kind.TIME), "23:59:59.999999"),
    (DataType(name="", kind=Kind.TIMETZ), "12:00:00+02:00"),
    (DataType(name="", kind=Kind.TIMESTAMP), "2024-02-29 12:00:00.000001"),
    (DataType(name="", kind=Kind.TIMESTAMPTZ), "2024-02-29 12:00:00 UTC"),
    (DataType(name="", kind=Kind.INTERVAL), "P1Y2M3DT4H5M6.7S"),
    (DataType(name="", kind=Kind.JSON), b'{"a": 1.10}'),
    (DataType(name="", kind=Kind.UUID), "0199d0c8-7b1e-7cc0-8000-000000000001"),
    (DataType(name="", kind=Kind.ARRAY, item=DataType(name="", kind=Kind.DATE)), ["2024-02-29", None]),
    (
        DataType(name="", kind=Kind.STRUCT, fields=(Column("a", DataType(name="", kind=Kind.INTEGER)),)),
        {"a": 1},
    ),
    (
        DataType(
            name="",
            kind=Kind.MAP,
            fields=(
                Column("key", DataType(name="", kind=Kind.TEXT)),
                Column("value", DataType(name="", kind=Kind.INTEGER)),
            ),
        ),
        [("a", 1)],
    ),
)
"""A value of each kind, and those that are written in another way."""


def sql_types() -> str:
    """Each kind of value in the forms that results have, by the code that writes them."""
    lines = [
        "# Types of SQL results",
        "",
        "Every value of a result is of one of these kinds. A backend turns its engine's types into them without",
        "loss; what it does not know is the text that the database writes. NULL is `null`, and nothing in CSV.",
        "",
        "| kind | JSON | with `big_numbers=string` | CSV | Parquet |",
        "| --- | --- | --- | --- | --- |",
    ]
    for data_type, value in EXAMPLES:
        columns = [Column("c", data_type)]
        cells = [
            ScalarEncoder(columns, big_numbers_as_text=text).objects([(value,)]).decode() for text in (False, True)
        ]
        csv = row_writer(Format.CSV, columns, big_numbers_as_text=False).write([(value,)]).decode().split("\r\n")[1]
        cells = [cells[0], cells[1] if cells[1] != cells[0] else "", csv, str(arrow_type(data_type))]
        shown = [f"`{cell}`".replace("|", "\\|") if cell else "" for cell in cells]
        lines.append(f"| {data_type.kind} | {' | '.join(shown)} |")
    return "\n".join([*lines, *_TYPE_NOTES]) + "\n"


_TYPE_NOTES: Final = (
    "",
    "- A decimal is a JSON number with its digits where a 64-bit float holds the same value, else a text with them;",
    "  NaN and infinities are texts, of floats too. Windmill rounds some of these.",
    "- Times are never rounded, moved to an epoch or to a zero date. `infinity`, years before Christ and MySQL's",
    "  `0000-00-00` come as the database writes them; Parquet has no form for those, and says so.",
    "- An interval is an ISO 8601 duration. (Windmill's text of it is mislabelled.)",
    "- Integers have all their digits. JavaScript rounds those beyond 2^53 when it reads them: ask for texts.",
    "- JSON is passed on as it is written, unless it holds a key twice or is nested deeper than 512 levels: that is",
    "  an error which names the column.",
    "- In Parquet, numbers without a declared precision, intervals, times with an offset, and times in lists or",
    "  structures are texts.",
    "- Which type of a database is of which kind, and what fits it as an argument:",
    "  [PostgreSQL](../guides/postgres.md), [MySQL](../guides/mysql.md), [SQL Server](../guides/mssql.md),",
    "  [Oracle](../guides/oracle.md), [BigQuery](../guides/bigquery.md), [Snowflake](../guides/snowflake.md),",
    "  [ClickHouse](../guides/clickhouse.md).",
    "- What the tests ask of real servers, type by type: [Types of each database, as tested](sql-conformance.md).",
)


def sql_conformance() -> str:
    """What the tests of real servers ask for and get, type by type."""
    sys.path.insert(0, str(ROOT))
    lines = [
        "# Types of each database, as tested",
        "",
        "Each row is a case of the tests: what a server is asked for, and the JSON of what a script gets. They run on",
        "PostgreSQL (the embedded one, Debian's, and behind pgbouncer), on MariaDB, on DuckDB as jobs have it, on",
        "ClickHouse's engine (chDB), and on emulators of BigQuery and Snowflake. For PostgreSQL, MariaDB, DuckDB and",
        "MongoDB random values of the types go there and back, too. No server of SQL Server or Oracle can be had for",
        "tests: their rows are of types, and show what becomes of the bytes that the protocol's documents give for a",
        "value, and of what Oracle's driver gives. The forms in CSV and Parquet are told by",
        "[Types of SQL results](sql-types.md).",
    ]
    for title, module, binary in _TESTED:
        tested = import_module(f"tests.{module}")
        of_types = _of_types(tested)
        asked = "type" if of_types else "expression"
        lines += ["", f"## {title}", "", f"| {asked} | kind | JSON |", "| --- | --- | --- |"]
        for expression, kind, value in of_types or _cases(tested):
            shown = (_cell(each) for each in (expression, _json(kind, value, binary)))
            lines.append("| {} | {kind} | {} |".format(*shown, kind=kind))
    lines += ["", "## DuckDB", "", "| expression | JSON |", "| --- | --- |"]
    for expression, value in import_module("tests.unit.languages.test_duckdb_values").TYPES:
        lines.append(f"| {_cell(expression)} | {_cell(json.dumps(value, ensure_ascii=False))} |")
    return "\n".join(lines) + "\n"


_TESTED: Final = (
    ("PostgreSQL", "contracts.databases.test_postgresql", BinaryText.HEX),
    ("MySQL and MariaDB", "contracts.databases.test_mariadb", BinaryText.BASE64),
    ("ClickHouse", "contracts.databases.test_clickhouse", BinaryText.BASE64),
    ("BigQuery", "contracts.databases.test_bigquery", BinaryText.BASE64),
    ("Snowflake", "contracts.databases.test_snowflake", BinaryText.BASE64),
    ("SQL Server", "unit.mssql.test_values", BinaryText.BASE64),
    ("Oracle", "unit.oracle.test_columns", BinaryText.BASE64),
)
"""Title, module with the cases, and how bytes are written."""


def _cases(tested: Any) -> Iterator[tuple[str, Kind, object]]:
    if hasattr(tested, "COLUMNS"):
        for column, expression, kind, value in tested.COLUMNS:
            yield f"{expression} in {column}", kind, value
        return
    for expression, (kind, value) in tested.VALUES.items():
        yield expression, kind, value


def _of_types(tested: Any) -> list[tuple[str, Kind, object]]:
    """The cases of a module that has no server to ask: the name of the type, and its value."""
    if hasattr(tested, "POINTED"):
        lists = (tested.FIXED, tested.COUNTED, tested.SIZED, tested.LARGE, tested.POINTED)
        return [(name, kind, value) for cases in lists for name, _, _, kind, value in cases]
    if isinstance(getattr(tested, "VALUES", None), list):
        exact = [(name, kind, wanted) for _, name, kind, _, wanted in tested.VALUES]
        texts = [(fetched(each).column.type.name, kind, wanted) for each, kind, _, _, wanted in tested.TEXTS]
        return exact + texts
    return []


def _cell(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return fence + text.replace("|", "\\|").replace("\n", " ").replace("\0", "\\0") + fence


def _json(kind: Kind, value: object, binary: BinaryText) -> str:
    """As results have it; inside of lists the values tell their kinds themselves."""
    match value:
        case None:
            return "null"
        case list() if kind is Kind.MAP:
            is_object = all(isinstance(key, str) for key, _ in value)
            pairs = dict(value) if is_object else [{"key": key, "value": each} for key, each in value]
            return json.dumps(pairs, ensure_ascii=False)
        case list():
            return "[" + ",".join(_json(_inner(each), each, binary) for each in value) + "]"
        case dict():
            return json.dumps(value, ensure_ascii=False)
    data_type = DataType(name="", kind=kind, bits=0 if kind is Kind.INTEGER else 64, binary=binary)
    return ScalarEncoder([Column("c", data_type)]).objects([(value,)]).decode()


def _inner(value: object) -> Kind:
    match value:
        case bool():
            return Kind.BOOL
        case int():
            return Kind.INTEGER
        case float():
            return Kind.FLOAT
        case Decimal():
            return Kind.DECIMAL
        case bytes():
            return Kind.JSON
        case list():
            return Kind.ARRAY
    return Kind.TEXT


PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/reference/sql-types.md": sql_types,
    "docs/reference/sql-conformance.md": sql_conformance,
    "docs/reference/cli.md": commands,
    "docs/reference/errors.md": errors,
    "docs/reference/resource-types.md": resource_types,
    "docs/reference/settings.md": settings,
}


def page(name: str) -> str:
    """The text that the page should have, with the note on where it comes from."""
    heading, _, rest = PAGES[name]().partition("\n")
    return f"{heading}\n\n<!-- Written by `{COMMAND}`; change the code, not this page. -->\n{rest}"


def main(arguments: list[str]) -> int:
    """0; with `--check` 1 when a page is out of date."""
    stale = [name for name in PAGES if not (ROOT / name).exists() or (ROOT / name).read_text("utf-8") != page(name)]
    for name in stale:
        sys.stdout.write(f"{name}\n")
        if "--check" not in arguments:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_text(page(name), "utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
