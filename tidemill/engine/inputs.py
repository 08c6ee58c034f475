"""References to variables and resources in JSON values: `"$var:<path>"` and `"$res:<path>"`, put in as raw text.

Only a whole string counts, and only as a value: `"see $var:x"` and object keys stay as they are. What is no reference
stays untouched to the byte, so numbers are as exact after it as before. The JSON text must have passed
`model/jsontext.check`.

    plan = Interpolation(raw)
    while wanted := plan.wanted:  # one query a level, however many references there are
        plan.supply(await fetch(wanted))  # with the rights of the reader; what is missing or hidden is left out
    raw = plan.result()
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tidemill.model.errors import InterpolationFailed, TooLarge

MAX_DEPTH: Final = 20
"""How many references may lead from one to the next."""

MAX_BYTES: Final = 64 << 20
"""How large the whole may become: a few small resources that name each other often can unfold to terabytes."""

_MAYBE: Final = re.compile(rb'"(?:\$|\\u0024)')
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)(?=(?P<key>[ \t\r\n]*+:)?)', re.DOTALL)
_PLAIN: Final = (b'"$var:', b'"$res:')
_ESCAPED: Final = (b'"$', b'"\\u0024')
_KINDS: Final[Mapping[str, Literal["var", "res"]]] = {"$var:": "var", "$res:": "res"}
_NOUNS: Final = {"var": "variable", "res": "resource"}


@dataclass(frozen=True, slots=True)
class Reference:
    """What a leaf points to. `path` is as it was written; whoever looks it up decides whether it is one."""

    kind: Literal["var", "res"]
    path: str

    def __str__(self) -> str:
        return f"${self.kind}:{self.path}"


def contains_reference(raw: bytes) -> bool:
    """Whether there is anything to resolve in `raw`; costs one pass at memory speed where there is nothing."""
    return next(_leaves(raw), None) is not None


def references(raw: bytes) -> frozenset[Reference]:
    """What `raw` itself refers to, not what its targets refer to in turn."""
    return frozenset(reference for reference, _, _ in _leaves(raw))


def variable_value(text: str) -> bytes:
    """The raw JSON that takes the place of a reference to a variable with the value `text`."""
    return json.dumps(text, ensure_ascii=False).encode()


class Interpolation:
    """The work of resolving one value; see the module's docstring for how it is driven."""

    def __init__(self, raw: bytes, *, max_depth: int = MAX_DEPTH, max_bytes: int = MAX_BYTES) -> None:
        self._raw = raw
        self._max_depth = max_depth
        self._max_bytes = max_bytes
        self._found: dict[Reference, bytes] = {}
        self._leads_to: dict[Reference, tuple[Reference, ...]] = {}
        self._came_from: dict[Reference, Reference | None] = dict.fromkeys(_ordered(raw))
        self._rounds = 0
        self.wanted: frozenset[Reference] = frozenset(self._came_from)
        """What to look up next; empty when `result` may be called."""

    def supply(self, values: Mapping[Reference, bytes]) -> None:
        """Take the raw JSON of what was `wanted`; see `variable_value` for variables.

        Raises:
            InterpolationFailed: one is missing, or its target is further away than `max_depth` references.
        """
        self._rounds += 1
        ordered = [reference for reference in self._came_from if reference in self.wanted]
        for reference in ordered:
            if reference not in values:
                raise InterpolationFailed(
                    f"There is no {_NOUNS[reference.kind]} at '{reference.path}', or no right to read it: "
                    f"{self._chain(reference)}."
                )
            self._found[reference] = values[reference]
            # The text of a variable is never looked into: it may be a secret that starts with "$res:" by chance.
            inner = _ordered(values[reference]) if reference.kind == "res" else ()
            self._leads_to[reference] = inner
            for each in inner:
                self._came_from.setdefault(each, reference)
        self.wanted = frozenset(each for each in self._came_from if each not in self._found)
        if self.wanted and self._rounds >= self._max_depth:
            far = next(each for each in self._came_from if each in self.wanted)
            raise InterpolationFailed(f"More than {self._max_depth} references lead on to {far}: {self._chain(far)}.")

    def result(self) -> bytes:
        """The value with every reference replaced.

        Raises:
            InterpolationFailed: references lead in a circle; the message names the chain.
            TooLarge: the whole would have more than `max_bytes` bytes.
        """
        order = self._inside_out()
        sizes: dict[Reference, int] = {}
        for reference in order:
            sizes[reference] = _size(self._found[reference], sizes if reference.kind == "res" else None)
            self._check_size(sizes[reference])
        self._check_size(_size(self._raw, sizes))
        whole: dict[Reference, bytes] = {}
        for reference in order:
            raw = self._found[reference]
            whole[reference] = _spliced(raw, whole) if reference.kind == "res" else raw
        return _spliced(self._raw, whole)

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise TooLarge(f"With its references put in, the value would be over {self._max_bytes} bytes.")

    def _inside_out(self) -> list[Reference]:
        """All references, each after those that its target leads to."""
        done: dict[Reference, None] = {}
        for start in self._came_from:
            trail: dict[Reference, Iterator[Reference]] = {}
            step: Reference | None = start if start not in done else None
            while step is not None or trail:
                if step is not None:
                    trail[step] = iter(self._leads_to[step])
                here = next(reversed(trail))
                step = next((each for each in trail[here] if each not in done), None)
                if step is None:
                    done[here] = None
                    del trail[here]
                elif step in trail:
                    circle = [*list(trail)[list(trail).index(step) :], step]
                    raise InterpolationFailed(f"References lead in a circle: {_arrows(circle)}.")
        return list(done)

    def _chain(self, reference: Reference) -> str:
        chain: list[Reference] = []
        step: Reference | None = reference
        while step is not None:
            chain.insert(0, step)
            step = self._came_from[step]
        return _arrows(chain)


def _leaves(raw: bytes) -> Iterator[tuple[Reference, int, int]]:
    """Each reference in `raw` with the bytes that it takes, quotes included, in the order of the text."""
    if _MAYBE.search(raw) is None:
        return
    for token in _STRING.finditer(raw):
        text = token.group()
        plain = b"\\" not in text
        if token["key"] is not None or not text.startswith(_PLAIN if plain else _ESCAPED):
            continue
        value: str = text[1:-1].decode() if plain else json.loads(text)
        kind = _KINDS.get(value[:5])
        if kind is not None:
            yield Reference(kind, value[5:]), token.start(), token.end()


def _ordered(raw: bytes) -> tuple[Reference, ...]:
    return tuple(dict.fromkeys(reference for reference, _, _ in _leaves(raw)))


def _size(raw: bytes, sizes: Mapping[Reference, int] | None) -> int:
    if sizes is None:
        return len(raw)
    return len(raw) + sum(sizes[reference] - (end - start) for reference, start, end in _leaves(raw))


def _spliced(raw: bytes, values: Mapping[Reference, bytes]) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for reference, start, end in _leaves(raw):
        pieces += (raw[position:start], values[reference])
        position = end
    return b"".join((*pieces, raw[position:]))


def _arrows(chain: list[Reference]) -> str:
    return " -> ".join(str(each)[:300] for each in chain)
