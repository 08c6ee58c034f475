"""`ETag`, `If-Match` and `If-None-Match`: which version of an item a caller has seen, and wants to write over."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Protocol, TypeVar

from fastapi import Depends, Header
from starlette.requests import Request

from tidemill.db.items import version_mismatch
from tidemill.engine.permit import Action, Item, decide, not_found, require
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal

_MAX_TAGS: Final = 100
_MAX_VERSION: Final = 2**63 - 1
_TAG: Final = re.compile(r'(?:W/)?(?:"([^"]*)"|([A-Za-z0-9_.\-]+))')
_ANY: Final = "*"


class Versioned(Protocol):
    """A row that preconditions can be asked of."""

    @property
    def item(self) -> Item: ...
    @property
    def version(self) -> int: ...


VersionedT = TypeVar("VersionedT", bound=Versioned)


@dataclass(frozen=True, slots=True)
class Condition:
    """One header: `any_version` for `*`, else the `versions` in it. Tags that we never gave are no version."""

    any_version: bool
    versions: frozenset[int]

    def holds_for(self, version: int) -> bool:
        return self.any_version or version in self.versions


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What a request asks of the version that is there; None where it has no such header."""

    match: Condition | None = None
    none_match: Condition | None = None

    @property
    def versions(self) -> frozenset[int] | None:
        """The versions that a write may replace; None for any."""
        return None if self.match is None or self.match.any_version else self.match.versions

    @property
    def is_given(self) -> bool:
        """Whether the request has such a header at all."""
        return self.match is not None or self.none_match is not None

    def is_known(self, version: int) -> bool:
        """Whether the caller of a read has this version already."""
        return self.none_match is not None and self.none_match.holds_for(version)

    def check_absent(self, item: Item) -> None:
        """Refuse to create where the caller wants to replace something."""
        if self.match is not None:
            raise version_mismatch(item, current=0)

    def check_present(self, item: Item, version: int) -> None:
        """Refuse to change what the caller wants not to be there, or not in this version."""
        if self.is_known(version) or (self.match is not None and not self.match.holds_for(version)):
            raise version_mismatch(item, current=version)


ANY_VERSION: Final = Preconditions()
"""What a request asks that has no such header."""


async def preconditions_of(
    request: Request,
    if_match: Annotated[str | None, Header()] = None,  # both are here for the API's description
    if_none_match: Annotated[str | None, Header()] = None,
) -> Preconditions:
    """The preconditions of a request; a header may come several times.

    Raises:
        BadRequest: a header is no list of tags.
    """
    return Preconditions(
        match=_condition("If-Match", request.headers.getlist("if-match")),
        none_match=_condition("If-None-Match", request.headers.getlist("if-none-match")),
    )


Conditions = Annotated[Preconditions, Depends(preconditions_of)]


def require_change(
    caller: Principal, action: Action, found: VersionedT | None, *, item: Item, conditions: Preconditions
) -> VersionedT:
    """`found`, if `caller` may do `action` to it and it is in a version that the request allows.

    Raises:
        NotFound: there is nothing at `item`, or nothing that the caller may know of.
        VersionMismatch: the same where the request has `If-Match`; or the version is another.
        Denied: the caller may see it, but not do this.
    """
    if found is None or not decide(caller, action, found.item).visible:
        conditions.check_absent(item)
        raise not_found(item)
    require(caller, action, found.item)
    conditions.check_present(item, found.version)
    return found


def etag(version: int) -> dict[str, str]:
    """The header that tells a version."""
    return {"ETag": f'"{version}"'}


def _condition(header: str, lines: Sequence[str]) -> Condition | None:
    if not lines:
        return None
    parts = [part.strip() for part in ",".join(lines).split(",")]
    tags = [part for part in parts if part]
    found = [_TAG.fullmatch(tag) for tag in tags if tag != _ANY]
    if not tags or len(tags) > _MAX_TAGS or None in found:
        raise BadRequest(f'{header} must be * or up to {_MAX_TAGS} tags such as "12", separated by commas.')
    texts = [match[1] or match[2] or "" for match in found if match is not None]
    numbers = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 20]
    return Condition(
        any_version=_ANY in tags, versions=frozenset(number for number in numbers if number <= _MAX_VERSION)
    )
