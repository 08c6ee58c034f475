"""Paths of items (`u/<user>/<name>`, `f/<folder>/<name>`) and the form of all other names: the one validator."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from tidemill.model.errors import InvalidName, InvalidPath

MAX_PATH_CHARS: Final = 255

_OWNER = r"[A-Za-z0-9_][A-Za-z0-9_.\-]*"
_SEGMENT = r"[A-Za-z0-9_.\-@ ]+"
_PATH: Final = re.compile(rf"(?P<kind>[uf])/(?P<owner>{_OWNER})/(?P<rest>{_SEGMENT}(?:/{_SEGMENT})*)")
_EMAIL: Final = re.compile(r"[a-z0-9.!$&'*+=^_`{|}~-]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,186}[a-z0-9])?")
_NAMES: Final = {
    "workspace": re.compile(r"[a-z0-9](?:[a-z0-9\-_]{0,48}[a-z0-9])?", re.IGNORECASE),
    "username": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,49}"),
    "group": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,49}"),
    "folder": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,49}"),
    "resource type": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,49}"),
    "tag": re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-:.$\[\]()+/]{0,99}"),
}
NameKind = Literal["workspace", "username", "group", "folder", "resource type", "tag"]


@dataclass(frozen=True, slots=True)
class Path:
    """A validated item path. `text` is exactly what was given."""

    text: str
    kind: Literal["u", "f"]
    owner: str

    @property
    def owner_key(self) -> str:
        """`u/<user>` or `f/<folder>`: the key of the owner in permission maps."""
        return f"{self.kind}/{self.owner}"

    def __str__(self) -> str:
        return self.text


def parse_path(text: str) -> Path:
    """The path in `text`.

    Raises:
        InvalidPath: it is not `u/<user>/<name>` or `f/<folder>/<name>` (the name may hold `/`), a segment is `.`
            or `..` or starts or ends with a blank, or it is longer than 255 characters.
    """
    found = _PATH.fullmatch(text) if len(text) <= MAX_PATH_CHARS else None
    if found is None or any(part in {".", ".."} or part != part.strip() for part in text.split("/")):
        raise InvalidPath(
            f"{text[:80]!r} is not a path: it must be 'u/<user>/<name>' or 'f/<folder>/<name>' with letters, digits, "
            f"'_', '-', '.', '@' or blanks in its parts, and at most {MAX_PATH_CHARS} characters."
        )
    return Path(text=text, kind="u" if found["kind"] == "u" else "f", owner=found["owner"])


def check_name(kind: NameKind, text: str) -> str:
    """`text`, if it is an allowed name for a `kind`.

    Raises:
        InvalidName: it is not; the message gives the pattern.
    """
    pattern = _NAMES[kind]
    if pattern.fullmatch(text) is None:
        raise InvalidName(f"{text[:80]!r} is not a {kind} name: it must match {pattern.pattern}.")
    return text


def check_email(text: str) -> str:
    """`text` in lower case, as accounts are kept.

    Raises:
        InvalidName: it is not an e-mail address of plain ASCII.
    """
    email = text.strip().lower()
    if _EMAIL.fullmatch(email) is None:
        raise InvalidName(f"{text[:80]!r} is not an e-mail address such as 'ann@example.org'.")
    return email
