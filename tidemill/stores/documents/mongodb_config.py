"""How a MongoDB is reached, from the value of a resource `mongodb`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from tidemill.model.digits import number_in
from tidemill.model.errors import BadRequest
from tidemill.model.server_list import ServerList, server_list
from tidemill.model.url_parts import bracketed

PATIENCE_S: Final = 10.0
IDLE_S: Final = 60.0

_MECHANISMS: Final = frozenset({"SCRAM-SHA-256", "MONGODB-X509", "MONGODB-AWS", "PLAIN"})
_ASKED: Final = frozenset({"", "DEFAULT", "SCRAM-SHA-1"})
"""The driver asks the server which of the SCRAM mechanisms the user has; forms fill in the older one by themselves."""
_TEXTS: Final = frozenset({"replicaSet", "readPreference", "readConcernLevel", "w", "appName", "compressors"})
_TRUTHS: Final = frozenset({"directConnection", "retryWrites", "retryReads", "journal", "loadBalanced"})
_NUMBERS: Final = frozenset(
    {
        "maxPoolSize",
        "connectTimeoutMS",
        "serverSelectionTimeoutMS",
        "socketTimeoutMS",
        "wTimeoutMS",
        "maxStalenessSeconds",
    }
)
_INSECURE: Final = frozenset({"tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoConfig:
    """Where to connect to, and the options of the driver but for certificates.

    Attributes:
        address: a URL without login: hosts only.
        where: the hosts, for messages.
    """

    address: str
    where: str
    database: str
    options: dict[str, Any]
    servers: ServerList

    @classmethod
    def of(cls, value: object) -> Self:
        """From the value of a resource, or a URL.

        Raises:
            BadRequest: a field is missing or wrong; the message names it.
        """
        servers = server_list(value, port=27017, types=("mongodb",))
        hosts = [host if servers.is_srv else f"{bracketed(host)}:{port}" for host, port in servers.hosts]
        return cls(
            address=f"mongodb{'+srv' if servers.is_srv else ''}://{','.join(hosts)}/",
            where=", ".join(hosts),
            database=servers.database,
            options={**_driver_options(servers), **_login(servers), **_tls(servers)},
            servers=servers,
        )

    @contextmanager
    def certificate_options(self) -> Iterator[dict[str, Any]]:
        """Options that name files, which are there during the block: the driver reads them when it is made."""
        contents = {
            "tlsCAFile": self.servers.root_certificates,
            "tlsCertificateKeyFile": self.servers.client_certificate,
        }
        with tempfile.TemporaryDirectory(prefix="tidemill-") as folder:
            options: dict[str, Any] = {}
            for name, content in contents.items():
                if content and self.servers.tls:
                    path = Path(folder) / name
                    path.touch(mode=0o600)
                    path.write_text(content)
                    options[name] = str(path)
            yield options


def _driver_options(servers: ServerList) -> dict[str, object]:
    found: dict[str, object] = {
        "appname": "tidemill",
        "serverSelectionTimeoutMS": int(PATIENCE_S * 1000),
        "connectTimeoutMS": int(PATIENCE_S * 500),
        "maxIdleTimeMS": int(IDLE_S * 1000),
        "maxPoolSize": 10,
    }
    for name, value in servers.options.items():
        found.update(_option(name, value))
    return found


def _option(name: str, value: object) -> dict[str, object]:
    """An option by its name in connection strings. What reads files or borrows rights of this machine is not taken."""
    known = {each.lower(): each for each in (*_TEXTS, *_TRUTHS, *_NUMBERS, *_INSECURE)}
    exact = known.get(name.lower())
    text = str(value).lower() if isinstance(value, bool | int) else str(value)
    if exact is None:
        raise BadRequest(
            f"The database's resource has the option {name[:60]!r}, which is not taken; certificates go into "
            f"root_certificate_pem and client_certificate_pem. Options: {', '.join(sorted(known.values()))}."
        )
    if exact in _TRUTHS | _INSECURE:
        if text.lower() not in {"true", "false"}:
            raise BadRequest(f"The option {exact} of the database's resource is true or false.")
        return {exact: text.lower() == "true"}
    if exact in _NUMBERS:
        if number_in(text) is None:
            raise BadRequest(f"The option {exact} of the database's resource is a whole number.")
        return {exact: number_in(text)}
    number = number_in(text) if exact == "w" else None
    return {exact: text if number is None else number}


def _login(servers: ServerList) -> dict[str, object]:
    mechanism = servers.mechanism
    if mechanism not in _MECHANISMS | _ASKED:
        allowed = ", ".join(sorted(_MECHANISMS | {"SCRAM-SHA-1"}))
        raise BadRequest(f"The field credential.mechanism of the database's resource is one of {allowed}.")
    if mechanism == "MONGODB-AWS" and not (servers.username and servers.password):
        raise BadRequest("MONGODB-AWS needs the key as credential.username and its secret as credential.password.")
    if not servers.username and mechanism != "MONGODB-X509":
        return {}
    options: dict[str, object] = {"username": servers.username} if servers.username else {}
    if mechanism != "MONGODB-X509":
        options["password"] = servers.password
    if mechanism not in _ASKED:
        options["authMechanism"] = mechanism
    if mechanism in {"MONGODB-X509", "MONGODB-AWS", "PLAIN"}:
        options["authSource"] = "$external"
    else:
        options["authSource"] = servers.login_database or "admin"
    return options


def _tls(servers: ServerList) -> dict[str, object]:
    if not servers.tls:
        return {"tls": False}
    return {"tls": True, **({} if servers.tls_verify else {"tlsInsecure": True})}
