"""The parts of a connection URL, in the forms that databases and brokers use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

MAX_URL_CHARS: Final = 8192

_URL: Final = re.compile(r"(?:jdbc:)?(?P<scheme>[a-z][a-z0-9.\-]*(?:\+[a-z0-9]+)?)://(?P<rest>[^\s]*)", re.IGNORECASE)
_HOST: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<name>[^\[\]:@]*))(?::(?P<port>[0-9]{0,5}))?")
_TRUE: Final = frozenset(
    {"1", "true", "yes", "on", "strict", "require", "required", "mandatory", "verify_ca", "verify_identity"}
)


class Unreadable(Exception):
    """Not a URL of this form."""


@dataclass(frozen=True, slots=True)
class ConnectionUrl:
    """The parts of a URL, percent-decoded. Absent parts are None, "" or empty; IPv6 hosts have no brackets."""

    scheme: str
    user: str | None
    password: str | None
    hosts: tuple[tuple[str, int | None], ...]
    path: str
    options: dict[str, str]

    @property
    def host(self) -> str:
        return self.hosts[0][0]

    @property
    def port(self) -> int | None:
        return self.hosts[0][1]

    def take(self, *names: str) -> str | None:
        """The first of these options that is there, removed, whatever its case."""
        for name in names:
            for key in self.options:
                if key.lower() == name.lower():
                    return self.options.pop(key)
        return None

    def take_bool(self, *names: str) -> bool | None:
        given = self.take(*names)
        return None if given is None else given.lower() in _TRUE


def parse_connection_url(url: str) -> ConnectionUrl:
    """The parts of `url`, which may start with `jdbc:` and name several hosts.

    Raises:
        Unreadable: it is no URL, has a port that is none, holds bytes that are not UTF-8, or is over 8192 characters.
    """
    found = _URL.fullmatch(url.strip()) if len(url) <= MAX_URL_CHARS else None
    if found is None:
        raise Unreadable
    authority, path, query = _split(found["rest"])
    login, at, hosts = authority.rpartition("@")
    user, colon, password = login.partition(":")
    return ConnectionUrl(
        scheme=found["scheme"].lower(),
        user=_decoded(user) if at else None,
        password=_decoded(password) if colon else None,
        hosts=tuple(parse_host(host) for host in hosts.split(",")),
        path=_decoded(path),
        options=dict(_options(query)),
    )


def _split(rest: str) -> tuple[str, str, str]:
    """Authority, path without its first slash, and options. A `#` is a part like any other: passwords hold it."""
    head, _, query = rest.partition("?")
    login, at, where = head.rpartition("@")
    if ";" in where:  # the form of SQL Server: `host:port;name=value;...`
        where, _, query = where.partition(";")
    host, _, path = where.partition("/")
    return login + at + host, path, query


def parse_host(text: str) -> tuple[str, int | None]:
    """Host (without brackets) and port of `host:port`."""
    found = _HOST.fullmatch(text)
    if found is None or (found["port"] and not 1 <= int(found["port"]) <= 65535):
        raise Unreadable
    return found["six"] or _decoded(found["name"] or ""), int(found["port"]) if found["port"] else None


def _options(query: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"[&;]", query):
        name, _, text = part.partition("=")
        if name:
            # A `+` is a plus sign: no database client reads it as a blank.
            yield _decoded(name), _decoded(text)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as e:
        raise Unreadable from e


def bracketed(host: str) -> str:
    """`host` as it stands in a URL: an IPv6 address goes in brackets."""
    return f"[{host}]" if ":" in host else host
