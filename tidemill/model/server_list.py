"""The shape of resource that MongoDB, Redis and Upstash share: servers, a credential, TLS; or a URL in its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tidemill.model.connection_url import recognise_url
from tidemill.model.errors import BadRequest

_KNOWN: Final = frozenset(
    {
        *("db", "tls", "tls_verify", "srv", "servers", "credential", "url"),
        *("root_certificate_pem", "client_certificate_pem", "client_key_pem"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerList:
    """Servers, and who asks them.

    Attributes:
        hosts: names or addresses (IPv6 without brackets) and ports.
        database: its name or number as text; "" where the resource names none.
        tls: connect with TLS; its certificate is verified unless `tls_verify` is false.
        is_srv: the one host is a name under which DNS lists the servers.
        root_certificates: PEM, of the authorities to trust in place of the system's.
        client_certificate: PEM, of certificate and key; "" for none.
        login_database, mechanism: of MongoDB.
        options: other fields, by name.
    """

    hosts: tuple[tuple[str, int], ...]
    database: str = ""
    tls: bool = True
    tls_verify: bool = True
    is_srv: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    login_database: str = ""
    mechanism: str = ""
    root_certificates: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    options: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        return (self.password,) if self.password else ()


def server_list(value: object, *, port: int, types: tuple[str, ...]) -> ServerList:
    """From the value of a resource of one of `types`; `port` is the usual one.

    Raises:
        BadRequest: a field is missing or wrong; the message names it and never what it holds.
    """
    fields = _fields(value, types)
    credential = _object(fields, "credential")
    certificate, key = _text(fields, "client_certificate_pem"), _text(fields, "client_key_pem")
    is_srv = _truth(fields, "srv", default=False)
    database = fields.get("db")
    if database is not None and (isinstance(database, bool) or not isinstance(database, str | int)):
        raise _wrong("db", "a name or a number")
    hosts = _hosts(fields, port)
    if is_srv and len(hosts) != 1:
        raise BadRequest("With `srv` the database's resource names one server: the name of the cluster.")
    return ServerList(
        hosts=hosts,
        database="" if database is None else str(database),
        tls=_truth(fields, "tls", default=True),
        tls_verify=_truth(fields, "tls_verify", default=True),
        is_srv=is_srv,
        username=_text(credential, "username"),
        password=_text(credential, "password"),
        login_database=_text(credential, "db"),
        mechanism=_text(credential, "mechanism"),
        root_certificates=_text(fields, "root_certificate_pem"),
        client_certificate=f"{certificate}\n{key}\n" if certificate else "",
        options={name: each for name, each in fields.items() if name not in _KNOWN and each not in (None, "")},
    )


def _fields(value: object, types: tuple[str, ...]) -> dict[str, object]:
    """The fields of an object, those of the URL in it filled in; a plain text is such a URL."""
    fields = {"url": value} if isinstance(value, str) else value
    if not isinstance(fields, Mapping):
        raise BadRequest(f"The database's resource must be an object of the type {types[0]}, or a connection URL.")
    url = fields.get("url")
    if url in (None, ""):
        return dict(fields)
    found = recognise_url(url) if isinstance(url, str) else None
    if found is None or found[0] not in types:
        raise BadRequest(f"The url of the database's resource is not a connection URL of {types[0]}.")
    return {**found[1], **{name: each for name, each in fields.items() if name != "url"}}


def _hosts(fields: Mapping[str, object], usual_port: int) -> tuple[tuple[str, int], ...]:
    servers = fields.get("servers")
    if not isinstance(servers, list) or not servers:
        raise _wrong("servers", "a list of at least one object with host and port")
    hosts = []
    for index, server in enumerate(servers):
        if not isinstance(server, Mapping):
            raise _wrong(f"servers[{index}]", "an object with host and port")
        host, port = server.get("host"), server.get("port")
        if not isinstance(host, str) or not host.strip() or any(each in host for each in "/@,?%") or "\0" in host:
            raise _wrong(f"servers[{index}].host", "a host name or an IP address")
        if port in (None, ""):
            port = usual_port
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise _wrong(f"servers[{index}].port", "a number from 1 to 65535")
        hosts.append((host.strip().strip("[]"), port))
    return tuple(hosts)


def _object(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = fields.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise _wrong(name, "an object")
    return found


def _text(fields: Mapping[str, object], name: str) -> str:
    found = fields.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or "\0" in found:
        raise _wrong(name, "a text")
    return found


def _truth(fields: Mapping[str, object], name: str, *, default: bool) -> bool:
    found = fields.get(name)
    if found is None:
        return default
    if not isinstance(found, bool):
        raise _wrong(name, "true or false")
    return found


def _wrong(name: str, wanted: str) -> BadRequest:
    return BadRequest(f"The field {name} of the database's resource must be {wanted}.")
