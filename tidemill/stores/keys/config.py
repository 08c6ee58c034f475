"""How a Redis is reached, from the value of a resource `redis` or `upstash`, or a URL."""

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tidemill.model.digits import number_in
from tidemill.model.errors import BadRequest
from tidemill.model.server_list import ServerList, server_list
from tidemill.model.url_parts import bracketed


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisConfig:
    """Servers, database and login. `where` is for messages."""

    servers: ServerList
    where: str
    database: int

    @classmethod
    def of(cls, value: object) -> Self:
        """From the value of a resource.

        Raises:
            BadRequest: a field is missing or wrong; the message names it.
        """
        servers = server_list(value, port=6379, types=("redis", "upstash"))
        database = number_in(servers.database or "0")
        if database is None:
            raise BadRequest("The field db of the database's resource must be the number of a database, such as 0.")
        if servers.is_srv:
            raise BadRequest("The field srv of the database's resource is for MongoDB only.")
        where = ", ".join(f"{bracketed(host)}:{port}" for host, port in servers.hosts)
        return cls(servers=servers, where=where, database=database)

    def tls(self) -> ssl.SSLContext | None:
        """What certificates are compared with; None where there is no TLS.

        Raises:
            BadRequest: a certificate of the resource cannot be read.
        """
        servers = self.servers
        if not servers.tls:
            return None
        try:
            context = ssl.create_default_context(cadata=servers.root_certificates or None)
            if servers.client_certificate:
                with tempfile.TemporaryDirectory(prefix="tidemill-") as folder:
                    path = Path(folder) / "certificate.pem"
                    path.touch(mode=0o600)
                    path.write_text(servers.client_certificate)
                    context.load_cert_chain(path)
        except (ssl.SSLError, ValueError) as error:
            raise BadRequest(f"A certificate of the database's resource cannot be read: {error}.") from error
        if not servers.tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
