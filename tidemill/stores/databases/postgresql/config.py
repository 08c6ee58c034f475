"""How a Postgres is reached, from the value of a resource `postgresql`."""

import secrets
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from psycopg.conninfo import make_conninfo

from tidemill.engine.egress import Egress
from tidemill.stores.databases.fields import Fields
from tidemill.stores.reach import addresses_of

SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
CONNECT_S: Final = 10
_KIND: Final = "postgresql"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresConfig:
    """Where a Postgres is, and who asks.

    Attributes:
        host: names or addresses, several with commas between them.
        sslmode: as libpq defines it.
        root_certificate: PEM, of authorities to trust in place of the system's.
        client_certificate, client_key: PEM; both or none.
        options: command line options for the server's process, such as `-c search_path=sales`.
    """

    host: str
    port: int = 5432
    user: str = "postgres"
    password: str = field(default="", repr=False)
    dbname: str
    sslmode: str = "prefer"
    root_certificate: str = ""
    client_certificate: str = ""
    client_key: str = field(default="", repr=False)
    options: str = ""

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource `postgresql`.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        fields = Fields(value, _KIND)
        certificate, key = fields.certificate("client_certificate_pem"), fields.text("client_key_pem")
        if bool(certificate) != bool(key):
            raise fields.wrong("client_key_pem" if certificate else "client_certificate_pem", "is empty, its twin not")
        return cls(
            host=fields.host("host"),
            port=fields.port("port", 5432),
            user=fields.text("user", "postgres"),
            password=fields.secret("password"),
            dbname=fields.needed("dbname"),
            sslmode=fields.choice("sslmode", SSL_MODES, "prefer"),
            root_certificate=fields.certificate("root_certificate_pem"),
            client_certificate=certificate,
            client_key=key,
            options=fields.text("options"),
        )


class Connecting:
    """What libpq is told. Certificates lie in a private directory as long as this lives, since it reads only files.

    Everything is said, so that neither `PG...` variables nor files of this machine's account come in: a password of
    ours must not go to a server that a user names.
    """

    def __init__(self, config: PostgresConfig, egress: Egress) -> None:
        self._config, self._egress = config, egress
        self._directory = tempfile.TemporaryDirectory(prefix="tidemill-postgres-")

    async def conninfo(self, *, options: str, application: str) -> str:
        """The connection string; `options` go to the server after those of the resource.

        Raises:
            AddressClosed: the rule lets nobody connect there.
            OSError: no host of that name is known.
        """
        config = self._config
        places = await self._places()
        nowhere = str(Path(self._directory.name) / "nothing")
        return make_conninfo(
            host=",".join(host for host, _ in places),
            hostaddr=",".join(address for _, address in places),
            port=config.port,
            user=config.user,
            password=config.password,
            dbname=config.dbname,
            options=" ".join(filter(None, (config.options, options))),
            application_name=application,
            client_encoding="utf8",
            connect_timeout=CONNECT_S,
            keepalives=1,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
            passfile=nowhere,
            gssencmode="disable",
            target_session_attrs="any",
            sslmode=config.sslmode,
            sslnegotiation="postgres",
            sslcrl=nowhere,
            sslcrldir="",
            **self._certificates(nowhere),
        )

    async def _places(self) -> list[tuple[str, str]]:
        """Hosts with the addresses to try: libpq compares certificates with the first and connects to the second."""
        return [
            (host, address)
            for host in self._config.host.split(",")
            for address in await addresses_of(host.strip("[]"), self._config.port, self._egress)
        ]

    def _certificates(self, nowhere: str) -> dict[str, str]:
        config = self._config
        root = nowhere
        if config.root_certificate:
            root = self._file("root.pem", config.root_certificate)
        elif config.sslmode.startswith("verify"):
            root = ssl.get_default_verify_paths().cafile or "system"
        if not config.client_certificate:
            return {"sslrootcert": root, "sslcertmode": "disable", "sslcert": nowhere, "sslkey": nowhere}
        return {
            "sslrootcert": root,
            "sslcertmode": "allow",
            "sslcert": self._file("client.pem", config.client_certificate),
            "sslkey": self._file("client.key", config.client_key),
        }

    def _file(self, name: str, content: str) -> str:
        path = Path(self._directory.name) / name
        if not path.exists():
            draft = path.with_name(secrets.token_hex(8))
            draft.touch(mode=0o600)
            draft.write_text(content + "\n")
            draft.rename(path)
        return str(path)

    def close(self) -> None:
        self._directory.cleanup()
