"""How an Oracle database is reached, from the value of a resource `oracledb`."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import oracledb

from tidemill.stores.databases.fields import Fields
from tidemill.stores.databases.tls import tls_context

_SCHEME: Final = re.compile(r"\s*(?P<scheme>[A-Za-z][\w+.-]*)://")
_OF_THE_MACHINE: Final = re.compile(r"wallet|https_proxy|ifile|config_dir|tns_admin", re.IGNORECASE)
"""What a descriptor may name of files and ways out of this machine, which are not the users'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleConfig:
    """Where the database is, and who asks.

    Attributes:
        place: as the driver reads it: `host:port/service`, `tcps://host:port/service`, or a connect descriptor.
        hosts: those in it, with their ports.
        is_encrypted: by TLS.
        ca_certificate: PEM, of authorities to trust in place of the system's.
    """

    place: str
    hosts: tuple[tuple[str, int], ...]
    is_encrypted: bool
    user: str
    password: str = field(default="", repr=False)
    ca_certificate: str = ""

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource `oracledb`.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        fields = Fields(value, "oracledb")
        place = fields.needed("database")
        params = _parsed(place, fields)
        hosts, ports = _listed(params.host), _listed(params.port)
        return cls(
            place=place,
            hosts=tuple((str(host), int(str(port))) for host, port in zip(hosts, ports, strict=True)),
            is_encrypted=set(_listed(params.protocol)) == {"tcps"},
            user=fields.needed("user"),
            password=fields.secret("password"),
            ca_certificate=fields.certificate("root_certificate_pem"),
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """For the driver, which compares the certificate's name with the host by itself; None for without TLS."""
        return tls_context(self.ca_certificate, checks=True) if self.is_encrypted else None


def _parsed(place: str, fields: Fields) -> oracledb.ConnectParams:
    if match := _SCHEME.match(place):
        if match["scheme"].lower() not in {"tcp", "tcps"}:
            raise fields.wrong("database", "begins with something else than tcp:// or tcps://")
    elif "/" not in place and "(" not in place:
        raise fields.wrong("database", "is a name of a tnsnames.ora: give host:port/service or a connect descriptor")
    if match := _OF_THE_MACHINE.search(place):
        raise fields.wrong("database", f"has {match[0]}, which is not for resources: files here are not the users'")
    params: oracledb.ConnectParams = oracledb.ConnectParams()
    try:
        params.parse_connect_string(place)
    except (oracledb.Error, ValueError, TypeError) as error:
        raise fields.wrong("database", "is neither host:port/service nor a connect descriptor") from error
    if not params.host or set(_listed(params.protocol)) - {"tcp", "tcps"}:
        raise fields.wrong("database", "names no host that is reached by tcp or tcps")
    for host in _listed(params.host):
        Fields({"database": host}, "oracledb").host("database")
    return params


def _listed(found: object) -> list[object]:
    return found if isinstance(found, list) else [found]
