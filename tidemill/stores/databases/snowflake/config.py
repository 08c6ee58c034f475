"""How Snowflake is reached, from the value of a resource `snowflake` (a key pair) or `snowflake_oauth` (a token)."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from tidemill.stores.databases.fields import Fields
from tidemill.stores.key_pair import KeyPair

_ACCOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,250}")
_DOMAINS: Final = (".snowflakecomputing.com", ".snowflakecomputing.cn")
_QUOTED: Final = re.compile(r'"((?:[^"]|"")+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class SnowflakeConfig:
    """Which account, who asks, and what statements use that say nothing else.

    Attributes:
        account: as claims name it, without a region.
        key: of the user; None where `token` shows who asks.
        warehouse, schema, role: "" for the user's defaults.
    """

    origin: str
    account: str
    username: str
    database: str
    warehouse: str = ""
    schema: str = ""
    role: str = ""
    key: KeyPair | None = field(default=None, repr=False)
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        token = Fields(value, "snowflake_oauth").text("token")
        fields = Fields(value, "snowflake_oauth" if token else "snowflake")
        account = fields.needed("account_identifier").lower()
        if not _ACCOUNT.fullmatch(account):
            raise fields.wrong("account_identifier", "is none: it looks like myorg-myaccount")
        domain = next((each for each in _DOMAINS if account.endswith(each)), _DOMAINS[0])
        account = account.removesuffix(domain)
        return cls(
            origin=fields.origin("endPoint", f"https://{account.replace('_', '-')}{domain}"),
            account=account.partition(".")[0].upper(),
            username=fields.text("username") if token else fields.needed("username"),
            database=_name(fields.needed("database")),
            warehouse=_name(fields.text("warehouse")),
            schema=_name(fields.text("schema")),
            role=_name(fields.text("role")),
            key=None if token else _key(fields),
            token=token,
        )


def _name(given: str) -> str:
    """As the interface wants names: in capitals, as SQL takes those without quotes; within quotes as they are."""
    quoted = _QUOTED.fullmatch(given)
    return quoted[1].replace('""', '"') if quoted else given.upper()


def _key(fields: Fields) -> KeyPair:
    try:
        key = KeyPair.of(fields.needed("private_key"), password=fields.secret("private_key_passphrase"))
    except ValueError as error:
        raise fields.wrong("private_key", str(error)) from error
    public = fields.text("public_key")
    if public and _fingerprint(public) != key.fingerprint():
        raise fields.wrong("public_key", "does not belong to private_key: register the one that does with the user")
    return key


def _fingerprint(pem: str) -> str:
    """Of a public key, with or without the lines around it."""
    body = "".join(line for line in pem.split() if line.isascii() and not set(line) & {"-"} and line not in _WORDS)
    try:
        return base64.b64encode(hashlib.sha256(base64.b64decode(body, validate=True)).digest()).decode()
    except (binascii.Error, ValueError):
        return ""


_WORDS: Final = frozenset({"BEGIN", "END", "PUBLIC", "RSA", "KEY"})
