"""The databases that a DuckDB script attaches by resource: `ATTACH '$res:f/data/shop' AS shop (TYPE postgres)`.

The resource becomes a secret of the engine, made before the script runs; in the text stands only its name. So no
message of DuckDB's, and no list of processes, can show a password.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tidemill.engine.sql.dialect import dialect_of
from tidemill.engine.sql.lexer import Part, Token, tokens
from tidemill.languages.duckdb_paths import Edit, quoted
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidScript, Unsupported

_RESOURCE: Final = ("$res:", "res://")
_LATER: Final = ("datatable", "ducklake")
_SERVERS: Final = {"postgres": "postgres", "postgres_scanner": "postgres", "mysql": "mysql", "mysql_scanner": "mysql"}
_SERVER_FUNCTIONS: Final = ("postgres_", "mysql_")
_CONNECT_TIMEOUT_S: Final = 10
_BARE: Final = re.compile(r"[\w./-]+", re.ASCII)
_CERTIFICATES: Final = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What a resource becomes.

    Attributes:
        options: of DuckDB's secret.
        address: what remains to be said in the ATTACH itself: nothing secret.
        files: certificates, for the job's directory.
    """

    name: str
    options: Mapping[str, str]
    address: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One ATTACH of a script.

    Attributes:
        path: of the resource; "" where it attaches something else.
        kind: `postgres`, `mysql`, or "" for any other.
        target: the token of what is attached.
        options_end: where the parenthesis of its options closes; -1 where it has none.
    """

    path: str
    kind: str
    target: Token
    options_end: int

    def edits(self, secret: Secret) -> list[Edit]:
        """How the script is changed for a resource."""
        name = secret.name.replace('"', '""')
        return [
            Edit(self.target.start, self.target.end, quoted(secret.address)),
            Edit(self.options_end, self.options_end, f', SECRET "{name}"'),
        ]


def find_attachments(text: str) -> list[Attachment]:
    """The databases that a script attaches.

    Raises:
        InvalidScript: one by a resource does not say of which type it is.
        Unsupported: it is of a type that there is not.
    """
    found = [each for each in tokens(text, dialect_of("duckdb")) if each.part is not Part.COMMENT]
    return [_attachment(text, found, start) for start in _starts(text, found)]


def reaches_servers(text: str) -> bool:
    """Whether a script speaks to a database server."""
    if any(each.kind for each in find_attachments(text)):
        return True
    words = (
        text[each.start : each.end].lower() for each in tokens(text, dialect_of("duckdb")) if each.part is Part.WORD
    )
    return any(word.startswith(_SERVER_FUNCTIONS) for word in words)


def secret_of(attachment: Attachment, value: bytes) -> Secret:
    """The secret for a resource.

    Raises:
        BadRequest: the resource lacks something; the message names the field.
    """
    resource = jsontext.loads(value)
    if not isinstance(resource, dict):
        raise BadRequest(f"The resource {attachment.path} is not that of a database: it must be an object with `host`.")
    digest = hashlib.sha256(attachment.path.encode()).hexdigest()[:16]
    return _WAYS[attachment.kind](attachment.path, digest, resource)


def _starts(text: str, found: list[Token]) -> Iterator[int]:
    """Where, behind ATTACH and the words that may follow it, the target stands."""
    for place, token in enumerate(found):
        is_first = place == 0 or found[place - 1].part is Part.END
        if not (is_first and token.part is Part.WORD and text[token.start : token.end].lower() == "attach"):
            continue
        start = place + 1
        while start < len(found) and text[found[start].start : found[start].end].lower() in _FILLING:
            start += 1
        if start < len(found):
            yield start


_FILLING: Final = frozenset({"database", "or", "replace", "if", "not", "exists"})


def _attachment(text: str, found: list[Token], start: int) -> Attachment:
    target = found[start]
    written = text[target.start : target.end]
    value = written[1:-1] if target.part is Part.STRING and written[0] == "'" else ""
    kind, options_end = _options(text, found, start)
    if value.startswith(_LATER):
        raise Unsupported(f"ATTACH {written[:80]}: data tables and lakes are not there yet. Attach a resource.")
    if kind == "bigquery":
        raise Unsupported("ATTACH of BigQuery is not there: run a bigquery script that writes an object with -- s3.")
    prefix = value.partition(":")[0].lower()
    kind = _SERVERS.get(kind or prefix, "")
    if not value.startswith(_RESOURCE):
        return Attachment(path="", kind=kind, target=target, options_end=options_end)
    if not kind or options_end < 0:
        line = text.count("\n", 0, target.start) + 1
        raise InvalidScript(f"Line {line}: ATTACH {written[:80]} must say what it is: (TYPE postgres) or (TYPE mysql).")
    path = value.removeprefix("$res:").removeprefix("res://")
    return Attachment(path=path, kind=kind, target=target, options_end=options_end)


def _options(text: str, found: list[Token], start: int) -> tuple[str, int]:
    """The type among the options behind the target, "" if it is not named; and where they end, -1 without any."""
    kind, before, is_open = "", "", False
    for token in found[start + 1 :]:
        written = text[token.start : token.end]
        match token.part:
            case Part.END:
                break
            case Part.OPEN:
                is_open = True
            case Part.CLOSE:
                return kind, token.start
            case _ if is_open and before == "type":
                kind = written.strip("'\"").lower()
        before = written.lower()
    return kind, -1


def _text(path: str, resource: Mapping[str, object], name: str, default: str = "") -> str:
    value = resource.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadRequest(f"The field {name} of the resource {path} must be a text or a number.")
    if "\0" in str(value):
        raise BadRequest(f"The field {name} of the resource {path} holds a NUL.")
    return str(value)


def _postgres(path: str, digest: str, resource: Mapping[str, object]) -> Secret:
    options = {
        "host": _needed(path, resource, "host"),
        "port": _text(path, resource, "port", "5432"),
        "user": _text(path, resource, "user", "postgres"),
        "password": _text(path, resource, "password"),
        "database": _text(path, resource, "dbname"),
    }
    mode = _text(path, resource, "sslmode", "prefer")
    words = {"sslmode": mode, "connect_timeout": str(_CONNECT_TIMEOUT_S), "application_name": "tidemill"}
    files: dict[str, bytes] = {}
    certificate = _text(path, resource, "root_certificate_pem")
    if certificate:
        files[f".ca-{digest}.pem"] = certificate.encode()
        words["sslrootcert"] = f".ca-{digest}.pem"
    elif mode in {"verify-ca", "verify-full"}:
        words["sslrootcert"] = _CERTIFICATES
    return Secret(name=f"tidemill {path}", options=_given(options), address=_dsn(words), files=files)


def _mysql(path: str, digest: str, resource: Mapping[str, object]) -> Secret:
    options = {
        "host": _needed(path, resource, "host"),
        "port": _text(path, resource, "port", "3306"),
        "user": _text(path, resource, "user"),
        "password": _text(path, resource, "password"),
        "database": _text(path, resource, "database"),
    }
    words: dict[str, str] = {}
    files: dict[str, bytes] = {}
    certificate = _text(path, resource, "root_certificate_pem")
    if resource.get("ssl") is True or certificate:
        words = {"ssl_mode": "verify_identity", "ssl_ca": _CERTIFICATES}
    if certificate:
        files[f".ca-{digest}.pem"] = certificate.encode()
        words["ssl_ca"] = f".ca-{digest}.pem"
    return Secret(name=f"tidemill {path}", options=_given(options), address=_dsn(words), files=files)


def _needed(path: str, resource: Mapping[str, object], name: str) -> str:
    value = _text(path, resource, name)
    if not value:
        raise BadRequest(f"The resource {path} has no `{name}`.")
    return value


def _given(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}


def _dsn(words: Mapping[str, str]) -> str:
    """Words of a connection string, quoted as libpq reads them where they need it."""
    return " ".join(
        f"{name}={value if _BARE.fullmatch(value) else _quoted_word(value)}" for name, value in words.items()
    )


def _quoted_word(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


_WAYS: Final[Mapping[str, Callable[[str, str, Mapping[str, object]], Secret]]] = {
    "postgres": _postgres,
    "mysql": _mysql,
}
