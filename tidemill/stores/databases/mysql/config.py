"""How a MySQL or MariaDB is reached, from the value of a resource `mysql`."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from tidemill.stores.databases.fields import Fields
from tidemill.stores.databases.tls import tls_context


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlConfig:
    """Where the server is, and who asks.

    Attributes:
        tls: it must be used, and the server's certificate is checked.
        ca_certificate: PEM, of authorities to trust in place of the system's.
        checks_certificate: False takes any certificate.
    """

    host: str
    port: int = 3306
    user: str
    password: str = field(default="", repr=False)
    database: str
    tls: bool = False
    ca_certificate: str = ""
    checks_certificate: bool = True

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource `mysql`.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        fields = Fields(value, "mysql")
        return cls(
            host=fields.host("host", "localhost"),
            port=fields.port("port", 3306),
            user=fields.needed("user"),
            password=fields.secret("password"),
            database=fields.needed("database"),
            tls=fields.truth("ssl", default=False),
            ca_certificate=fields.certificate("root_certificate_pem"),
            checks_certificate=fields.truth("verify_certificate", default=True),
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """How TLS is spoken; None for without."""
        return tls_context(self.ca_certificate, checks=self.checks_certificate) if self.tls else None
