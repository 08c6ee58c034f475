"""How BigQuery is reached, from the value of a resource `bigquery`: the JSON key of a service account."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from tidemill.model.digits import number_of
from tidemill.stores.databases.fields import Fields
from tidemill.stores.key_pair import KeyPair
from tidemill.stores.service_account import ServiceAccount

ORIGIN: Final = "https://bigquery.googleapis.com"
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_DATASET: Final = re.compile(r"\w{1,1024}", re.ASCII)
_LOCATION: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BigQueryConfig:
    """Which project runs the queries, and who asks.

    Attributes:
        account, key: None where another endpoint wants no token, as emulators do.
        location: where jobs run; "" lets BigQuery find it by the tables that a query names.
        dataset: of tables that are named without one.
        maximum_bytes_billed: more costly queries are refused by BigQuery; 0 for the project's own limit.
    """

    project: str
    account: ServiceAccount | None
    key: KeyPair | None
    origin: str = ORIGIN
    location: str = ""
    dataset: str = ""
    maximum_bytes_billed: int = 0

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From the value of a resource `bigquery`.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        fields = Fields(value, "bigquery")
        origin = fields.origin("endPoint", ORIGIN)
        account = _account(fields, is_optional=origin != ORIGIN)
        return cls(
            project=_matching(fields, "project_id", _PROJECT, "is no id of a project", is_needed=True),
            account=account,
            key=_key(fields, account),
            origin=origin,
            location=_matching(fields, "location", _LOCATION, "is no location such as EU or europe-west3"),
            dataset=_matching(fields, "dataset", _DATASET, "is no name of a dataset"),
            maximum_bytes_billed=_count(fields, value.get("maximum_bytes_billed")),
        )


def _account(fields: Fields, *, is_optional: bool) -> ServiceAccount | None:
    if is_optional and not fields.text("private_key"):
        return None
    if fields.text("type", "service_account") != "service_account":
        raise fields.wrong("type", "is not service_account: make a JSON key for a service account")
    account = ServiceAccount.of(fields)
    if not account.token_uri.startswith("https://") and not is_optional:
        raise fields.wrong("token_uri", "does not begin with https://")
    return account


def _key(fields: Fields, account: ServiceAccount | None) -> KeyPair | None:
    if account is None:
        return None
    try:
        return KeyPair.of(account.private_key)
    except ValueError as error:
        raise fields.wrong("private_key", str(error)) from error


def _matching(fields: Fields, name: str, pattern: re.Pattern[str], complaint: str, *, is_needed: bool = False) -> str:
    found = fields.needed(name) if is_needed else fields.text(name)
    if found and not pattern.fullmatch(found):
        raise fields.wrong(name, complaint)
    return found


def _count(fields: Fields, found: object) -> int:
    if found is None or found == "":
        return 0
    number = number_of(found)
    if number is None:
        raise fields.wrong("maximum_bytes_billed", "is not a whole number of bytes")
    return number
