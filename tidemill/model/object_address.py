"""Where an object is: a storage of the workspace, or the bucket of a resource, and a key in it."""

import re
from dataclasses import dataclass
from typing import Final

from tidemill.model.errors import BadRequest, InvalidName

SCHEME: Final = "s3://"
DEFAULT: Final = "_default_"
"""What the default storage is called on the wire, where it cannot be left out. No other can have this name."""
PLAIN_DEFAULT: Final = "default"
"""It as well, for S3 clients that take no name with underscores; nor can any other have this one."""

_RESOURCE: Final = "$res:"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.\-_]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Address:
    """A key: in the default storage, in the one called `storage`, or in the bucket of the resource at `resource`.

    The key is never changed: `a//b`, `a/../b` and `a/` are three keys like any other. As a text it is
    `s3:///<key>`, `s3://<storage>/<key>` or `$res:<path>:<key>`; a path of a resource has no colon.
    """

    storage: str = ""
    key: str = ""
    resource: str = ""

    def __str__(self) -> str:
        return f"{self.place}{self.key}"

    @property
    def place(self) -> str:
        """What all addresses of the same storage begin with."""
        return f"{_RESOURCE}{self.resource}:" if self.resource else f"{SCHEME}{self.storage}/"

    def at(self, key: str) -> "Address":
        """Another key at the same place."""
        return Address(self.storage, key, self.resource)


def parse_address(text: str) -> Address:
    """The address in `s3://<storage>/<key>`; `s3:///<key>` and `s3://_default_/<key>` are the default storage.

    Raises:
        BadRequest: it has another form.
    """
    rest = text.removeprefix(SCHEME)
    storage, slash, key = rest.partition("/")
    if rest == text or not slash:
        raise BadRequest(
            f"{text[:80]!r} is not the address of an object: write 's3://<storage>/<key>' or 's3:///<key>'."
        )
    return Address(named(storage), key)


def split_place(text: str) -> tuple[str, str]:
    """The place and the key of an address that was written by us."""
    key = text.split(":", 2)[2] if text.startswith(_RESOURCE) else text.split("/", 3)[3]
    return text.removesuffix(key), key


def parse_place(text: str) -> Address:
    """The empty key at a place, from what `Address.place` gave."""
    if text.startswith(_RESOURCE):
        return Address(resource=text.removeprefix(_RESOURCE).removesuffix(":"))
    return parse_address(text)


def named(storage: str) -> str:
    """`storage` with the default one as "", whichever way it was called."""
    return "" if storage in {DEFAULT, PLAIN_DEFAULT} else storage


def is_storage_name(name: str) -> bool:
    """Whether a storage beside the default one may be called so."""
    return _NAME.fullmatch(name) is not None and ".." not in name and name != PLAIN_DEFAULT


def check_storage_name(name: str) -> str:
    """`name`, if a storage may be called so: as buckets are, so that every S3 client takes it.

    Raises:
        InvalidName: it is not; the message says what is.
    """
    if not is_storage_name(name):
        raise InvalidName(
            f"{name[:80]!r} is not the name of a storage: it has 3 to 63 small letters, digits, '-', '_' and '.', and "
            f"begins and ends with a letter or digit; {PLAIN_DEFAULT!r} means the default one."
        )
    return name
