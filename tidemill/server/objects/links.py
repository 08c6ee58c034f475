"""Public links to objects: whoever has one reads the object, as long as whoever made it may."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from tidemill.db import identity, links
from tidemill.db.pool import Actor, Database
from tidemill.engine import object_link
from tidemill.engine.object_link import Claim
from tidemill.engine.object_rules import Access
from tidemill.model.errors import Denied, NotFound
from tidemill.model.identity import Principal
from tidemill.model.ids import milliseconds, new_id
from tidemill.model.object_address import Address
from tidemill.server.objects.answers import object_answer
from tidemill.server.objects.service import Objects

MOST_AT_ONCE: Final = 1000
_ASK: Final = "ask whoever gave it to you for a new one."
_NO_LINK: Final = f"This link is wrong or was changed: {_ASK}"


class Links:
    """Makes links and follows them. `secret` signs them."""

    def __init__(self, database: Database, objects: Objects, secret: bytes) -> None:
        self._database = database
        self._objects = objects
        self._secret = secret

    async def make(self, caller: Principal, objects: Sequence[Address], *, expires_s: int) -> list[str]:
        """The query of a link for each of `objects`, whether it is there yet or not.

        Raises:
            Denied: the caller may not read one of them.
        """
        for place in {at.at("") for at in objects}:  # each storage is looked up once, however many objects it has
            async with self._objects.storage(caller, place) as storage:
                for at in (each for each in objects if each.at("") == place):
                    verdict = storage.decide(caller, Access.READ, at.key)
                    if not verdict.allowed:
                        raise Denied(f"You may not read {str(at)[:200]!r}, so you cannot share it. {verdict.reason}")
        now = milliseconds(datetime.now(UTC))
        made = [(new_id(now), at) for at in objects]
        if not made:
            return []
        async with self._database.transaction(caller.workspace, actor=Actor(caller.actor, caller.email)) as tx:
            await identity.hold_attempt(tx, caller)
            ends = await links.create(tx, caller, made, expires_s=expires_s)
        expires = int(ends.timestamp())
        return [
            object_link.link_query(self._secret, Claim(each, expires), workspace=caller.workspace, at=at)
            for each, at in made
        ]

    async def follow(
        self, workspace: str, at: Address, *, query: Mapping[str, str], headers: Mapping[str, str], head: bool
    ) -> Response:
        """The object that a link leads to. The right of whoever made it is asked anew.

        Raises:
            Denied: the link is none, is over, or was taken back; or whoever made it may not read the object any more.
            NotFound: the object is gone.
        """
        claim = object_link.read_link(self._secret, query, workspace=workspace, at=at)
        if claim is None:
            raise Denied(_NO_LINK)
        link = await links.find(self._database.single, workspace, claim.id)
        if link is None or link.address != at:
            raise Denied(_over(claim, at))
        try:
            maker = await identity.principal_by_name(self._database, link.email, workspace)
        except NotFound as error:
            raise Denied(_left(at)) from error
        if maker.actor != link.actor:
            raise Denied(_left(at))
        return await object_answer(self._objects, maker, at, headers=headers, head=head)


def _over(claim: Claim, at: Address) -> str:
    """Told only to who has a link that we signed, so it names nothing that the link does not."""
    until = datetime.fromtimestamp(claim.expires, UTC)
    return f"The link to {str(at)[:200]!r} held until {until:%Y-%m-%d %H:%M:%S} UTC, unless it was taken back: {_ASK}"


def _left(at: Address) -> str:
    return f"Whoever made the link to {str(at)[:200]!r} is no member of the workspace any more: {_ASK}"
