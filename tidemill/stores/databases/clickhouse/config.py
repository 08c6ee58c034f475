"""How a ClickHouse is reached, from the value of a resource `clickhouse`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from tidemill.stores.databases.fields import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickHouseConfig:
    """Where the HTTP interface is, and who asks. `origin` has scheme, host and port."""

    origin: str
    username: str = "default"
    password: str = field(default="", repr=False)
    database: str = "default"
    ca_certificate: str = ""

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource `clickhouse`. `host` may be an address with scheme and port.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        fields = Fields(value, "clickhouse")
        host = fields.host("host")
        try:
            place = urlsplit(host if "://" in host else f"https://{host}")
            given = place.port
        except ValueError as error:
            raise fields.wrong("host", "is no address") from error
        if place.scheme not in {"http", "https"} or not place.hostname or "@" in place.netloc:
            raise fields.wrong("host", "is no address such as https://example.com:8443")
        port = fields.port("port", given or (8443 if place.scheme == "https" else 8123))
        name = f"[{place.hostname}]" if ":" in place.hostname else place.hostname
        return cls(
            origin=f"{place.scheme}://{name}:{port}",
            username=fields.text("username", "default"),
            password=fields.secret("password"),
            database=fields.text("database", "default"),
            ca_certificate=fields.certificate("root_certificate_pem"),
        )
