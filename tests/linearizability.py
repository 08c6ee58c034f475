"""Is a history of concurrent operations on one register linearizable: the search of Wing and Gong, with memory.

A register holds one value. `write` sets it, `read` gives it, `swap` sets it only if it is `expected` and says so. Each
operation has the moments of its call and its answer. A history is linearizable if the operations can be put into one
order that keeps to these moments (what was answered before another was called comes first) and that a register which
does one thing at a time could have gone through. An operation without an answer (`returned` is None) may have happened
at any time after its call, or never.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. `value` is what was written or read; `ok` is the answer of a `swap`."""

    kind: Literal["read", "write", "swap"]
    value: Hashable
    expected: Hashable = None
    ok: bool = True
    called: float
    returned: float | None

    @property
    def end(self) -> float:
        return float("inf") if self.returned is None else self.returned

    def apply(self, state: Hashable) -> tuple[bool, Hashable]:
        """Whether a register in `state` could answer so, and its state after it."""
        if self.kind == "read":
            return state == self.value, state
        if self.kind == "write":
            return True, self.value
        if self.returned is None:
            return True, self.value if state == self.expected else state
        if self.ok:
            return state == self.expected, self.value
        return state != self.expected, state


def is_linearizable(history: Sequence[Operation], *, initial: Hashable = None) -> bool:
    """Whether some order explains `history` of a register that starts with `initial`.

    Exponential at worst; a few hundred operations with tens at a time are fine, since states are remembered.
    """
    operations = [each for each in history if each.returned is not None or each.kind != "read"]
    operations.sort(key=lambda each: each.called)
    needed = frozenset(place for place, each in enumerate(operations) if each.returned is not None)
    seen: set[tuple[frozenset[int], Hashable]] = set()
    waiting: list[tuple[frozenset[int], Hashable]] = [(frozenset(range(len(operations))), initial)]
    while waiting:
        left, state = waiting.pop()
        if not left & needed:
            return True
        # Only what was called before the first answer among those left can come next.
        limit = min(operations[place].end for place in left)
        candidates = [place for place in left if operations[place].called <= limit]
        # What fits and changes nothing (a read, a swap that was refused) never closes a way when it is taken at once.
        idle = [place for place in candidates if operations[place].apply(state) == (True, state)]
        idle = [place for place in idle if operations[place].returned is not None]
        for place in idle[:1] or candidates:
            fits, after = operations[place].apply(state)
            following = (left - {place}, after)
            if fits and following not in seen:
                seen.add(following)
                waiting.append(following)
    return False
