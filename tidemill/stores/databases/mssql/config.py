"""How a SQL Server is reached, from the value of a resource `ms_sql_server`."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from tidemill.model.digits import number_in
from tidemill.stores.databases.fields import Fields
from tidemill.stores.databases.tls import tls_context

USUAL_PORT: Final = 1433
_MOST_CHARS: Final = 128
"""Of each field that a login has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MssqlConfig:
    """Where the server is, and who asks.

    Attributes:
        instance: a named one, whose port the server's browser tells; "" for that of `port`.
        token: of Entra ID, in place of user and password; "" for none.
        encrypts: all of the connection; else only the login is, where the server can.
        ca_certificate: PEM, of authorities to trust in place of the system's.
        checks_certificate: False takes any certificate.
    """

    host: str
    port: int = USUAL_PORT
    instance: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    database: str
    encrypts: bool = True
    ca_certificate: str = ""
    checks_certificate: bool = True

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource `ms_sql_server`. `host` may be `name\\instance` or `name,port`.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        fields = Fields(value, "ms_sql_server")
        if fields.truth("integrated_auth", default=False):
            raise fields.wrong("integrated_auth", "is not supported: give user and password, or aad_token")
        host, port, instance = _place(fields)
        token = _token(value, fields)
        user = fields.text("user") if token else fields.needed("user")
        return cls(
            host=host,
            port=port,
            instance=instance,
            user=_short(fields, "user", user),
            password=_short(fields, "password", fields.secret("password")),
            token=token,
            database=_short(fields, "dbname", fields.needed("dbname")),
            encrypts=fields.truth("encrypt", default=True),
            ca_certificate=fields.certificate("ca_cert"),
            checks_certificate=not fields.truth("trust_cert", default=False),
        )

    @property
    def secret(self) -> str:
        """What no message may tell."""
        return self.token or self.password

    @property
    def who(self) -> str:
        """Whom the server sees."""
        return "the holder of the token" if self.token else self.user

    def tls_context(self) -> ssl.SSLContext:
        """TLS 1.2 at the most: within TDS 7 no server speaks a later one.

        Where only the login is encrypted, no certificate is checked, since the rest can be changed on the way anyhow.
        """
        context = tls_context(self.ca_certificate, checks=self.checks_certificate and self.encrypts)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context


def _place(fields: Fields) -> tuple[str, int, str]:
    """Host, port, and the instance whose port is to be asked for."""
    host = fields.host("host")
    host, _, instance = host.partition("\\")
    host, _, given = host.partition(",")
    instance = fields.text("instance_name") or instance
    port = number_in(given) if given else fields.port("port", USUAL_PORT)
    if port is None or not 0 < port < 65536:
        raise fields.wrong("host", "has no port behind its comma")
    if instance and not (instance.isascii() and all(char.isalnum() or char in "_$#" for char in instance)):
        raise fields.wrong("instance_name", "is no name of an instance")
    if instance.upper() == "MSSQLSERVER":
        instance = ""  # the name of the one that has none
    return host.removeprefix("tcp:"), port, "" if port != USUAL_PORT else instance


def _token(value: Mapping[str, object], fields: Fields) -> str:
    found = value.get("aad_token")
    if not found:
        return ""
    if not isinstance(found, Mapping):
        raise fields.wrong("aad_token", 'is no object such as {"token": "..."}')
    return Fields(found, "ms_sql_server aad_token").text("token")


def _short(fields: Fields, name: str, text: str) -> str:
    if len(text) > _MOST_CHARS:
        raise fields.wrong(name, f"has more than {_MOST_CHARS} characters")
    return text
