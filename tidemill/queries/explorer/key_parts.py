"""Runs changes of keys: all in one script, or in a cluster those of each slot, which is all that it takes together."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from tidemill.engine.keys.checked import Planned, script
from tidemill.engine.keys.replies import Failure
from tidemill.engine.keys.slots import slot_of
from tidemill.model.errors import Conflict, ConnectionFailed, QueryFailed, Unsupported
from tidemill.stores.keys.port import KeySession

MOST_BYTES: Final = 32 * 1024 * 1024


class Outcome(Enum):
    """What became of changes that were sent together."""

    DONE = auto()
    ACROSS_SLOTS = auto()
    """Nothing was done: the server takes no keys of several slots together."""


async def run_part(
    session: KeySession, planned: Sequence[Planned], places: Sequence[int], *, is_trial: bool
) -> Outcome:
    """Those of the changes that stand at `places`, together.

    Raises:
        Conflict: one of them found something else than was seen; none of them was made.
        QueryFailed: the server refuses one.
    """
    part = [planned[each] for each in places]
    keys = sorted(set().union(*map(_keys, part)))
    (told,) = await session.run([script(part, keys, is_trial=is_trial)], max_bytes=MOST_BYTES)
    if isinstance(told, Failure) and told.kind == "CROSSSLOT":
        return Outcome.ACROSS_SLOTS
    if isinstance(told, Failure):
        raise QueryFailed(f"{told.text}. A store takes nothing back: look what has been done before it.")
    if isinstance(told, int) and told:
        raise Conflict(
            f"Change {places[told - 1] + 1}: the key or member is not there any more, is there already, or was changed "
            "since it was read. Nothing was changed; read again."
        )
    return Outcome.DONE


def parts_of(planned: Sequence[Planned]) -> list[list[int]]:
    """The places of changes whose keys share a slot, in the order of the first of each.

    Raises:
        Unsupported: one has keys of several slots by itself.
    """
    parts: dict[int, list[int]] = {}
    for place, each in enumerate(planned):
        slots = set(map(slot_of, _keys(each)))
        if len(slots) > 1:
            raise Unsupported(
                f"Change {place + 1}: a cluster renames a key only within its slot. Give the new name the same "
                "{tag}, or copy the key by a script (DUMP, RESTORE). Nothing was changed."
            )
        parts.setdefault(slots.pop(), []).append(place)
    return list(parts.values())


async def run_parts(
    session: KeySession, planned: Sequence[Planned], parts: Sequence[Sequence[int]], *, by_parts: bool
) -> None:
    """One part after the other, each of which has been tried.

    Raises:
        Unsupported: that was not asked for.
        Conflict, QueryFailed, ConnectionFailed: the message names the changes that have taken effect.
    """
    if not by_parts:
        raise Unsupported(
            f"The keys of these changes are in {len(parts)} slots of the cluster, which cannot be changed together. "
            "Send `by_parts` to apply those of each slot one after the other, or give the keys a common {tag}. Nothing "
            "was changed."
        )
    done: list[int] = []
    for places in parts:
        try:
            await run_part(session, planned, places, is_trial=False)
        except (Conflict, QueryFailed, ConnectionFailed) as error:
            if not done:
                raise
            told = str(error).removesuffix(" Nothing was changed; read again.")
            numbers = ", ".join(str(each + 1) for each in sorted(done))
            raise type(error)(
                f"{told} The changes {numbers}, whose keys are in other slots, have taken effect before it; read again."
            ) from error
        done += places


def _keys(planned: Planned) -> set[bytes]:
    """All that a change looks at or changes."""
    commands = {words[1] for words in planned.commands}
    return commands | {check.words[1] for check in planned.checks}
