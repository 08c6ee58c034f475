"""Evaluates an expression of a flow: plain paths on the raw text, everything else in JavaScript. No I/O.

    have = {}
    while isinstance(answer := evaluate(expression, have, run=run), Needs):
        for need in answer.wanted:  # only what the expression really touches
            have[need] = await fetch(need)  # raw JSON; None where it is undefined; `Large` unless `answer.entire`

Numbers are never rounded silently. A plain path gives them as they are written. In JavaScript an integer beyond 2^53
that comes from outside is a BigInt, and goes out exactly; another number that JavaScript cannot hold is an error when
it is read; so are NaN and infinity in the result. What JavaScript calculates is as exact as JavaScript is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from tidemill.engine.expressions.javascript import Given, Limits, Touched
from tidemill.engine.expressions.need import ROOTS, Large, Need, Needs
from tidemill.engine.expressions.paths import kind_of, parse_path, pick
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed, InvalidJson, TooLarge

MAX_BYTES: Final = 64 << 20
"""How large a value may be that JavaScript makes; one that a plain path leads to is not bound."""
MAX_SOURCE_CHARS: Final = 100_000
_LARGE_BYTES: Final = 64 * 1024
"""From here on JavaScript is given the parts of a value that are touched, not the whole."""
_ROUNDS: Final = 200
_MOST_NEEDS: Final = 1000
_LITERAL_STARTS: Final = tuple('0123456789-"tfn[{')
_DEFAULT_LIMITS: Final = Limits()
_NOTHING: Final[Mapping[Need, bytes | Large | None]] = {}


class Run(Protocol):
    """`javascript.run`, in a process where user code can do no harm."""

    def __call__(self, expression: str, given: Given, *, names: list[str], limits: Limits) -> bytes | Touched:
        """See there."""
        ...


def evaluate(
    expression: str,
    have: Given,
    *,
    run: Run,
    place: str = "",
    limits: Limits = _DEFAULT_LIMITS,
) -> bytes | Needs:
    """The value as JSON text, `null` where it is undefined; or what else has to be in `have`.

    `have`: the whole of a value under `need.whole`, or what `pick` took out of it under the need itself, or under one
    whose path begins that of the need. Raw JSON that has passed `jsontext.check`, None where there is none, `Large`
    where its parts are to be asked for. `place`: where the expression stands, for messages.

    Raises:
        ExpressionFailed: it cannot be parsed, failed, or went over a limit; the message names place and expression.
    """
    try:
        return _evaluated(expression, have, run, limits)
    except ExpressionFailed as error:
        raise failure(expression, error, place=place, have=have) from error


def needs_parsing(expression: str) -> bool:
    """Whether only JavaScript can tell that it is well-formed."""
    return parse_path(expression) is None and _literal(expression) is None


def check_syntax(expression: str, *, parse: Callable[[str], None], place: str = "") -> None:
    """Nothing, if `expression` can be parsed; nothing of it runs. `parse`: `javascript.check_syntax`, as `Run`.

    Raises:
        ExpressionFailed: it cannot be parsed.
    """
    if not needs_parsing(expression):
        return
    try:
        _check_source(expression)
        parse(expression)
    except ExpressionFailed as error:
        raise failure(expression, error, place=place) from error


def _evaluated(expression: str, have: Given, run: Run, limits: Limits) -> bytes | Needs:
    if (need := parse_path(expression)) is not None:
        return _plain(need, have)
    if (literal := _literal(expression)) is not None:
        return literal
    _check_source(expression)
    if len(have) >= _MOST_NEEDS:
        raise ExpressionFailed(f"It asks for more than {_MOST_NEEDS} values, or parts of them, one by one.")
    return _in_javascript(expression, have, run, limits)


def _plain(need: Need, have: Given) -> bytes | Needs:
    if (known := _around(need, have)) is None:
        return Needs(frozenset({need}), entire=True)
    part = pick(known.raw, need, behind=known.behind)
    return b"null" if part is None else part


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a need: what the first keys of its path lead to, `behind` of them."""

    raw: bytes | None
    behind: int


def _around(need: Need, have: Given) -> _Known | None:
    """The least of what is there that the need is a part of."""
    for behind in range(len(need.path), -1, -1):
        part = Need(need.kind, need.name, need.path[:behind])
        if part in have:
            found = have[part]
            return None if isinstance(found, Large) else _Known(found, behind)
    return None


def _literal(expression: str) -> bytes | None:
    """The text itself where it is JSON, which means the same in JavaScript but for long numbers."""
    text = expression.strip()
    if not text.startswith(_LITERAL_STARTS) or "__proto__" in text:
        return None
    raw = text.encode("utf-8", "surrogatepass")
    try:
        jsontext.check(raw, max_bytes=4 * MAX_SOURCE_CHARS)
    except InvalidJson:
        return None
    return raw


def _in_javascript(expression: str, have: Given, run: Run, limits: Limits) -> bytes | Needs:
    given = {need: _handed(value) for need, value in have.items()}
    for _ in range(_ROUNDS):
        answer = run(expression, given, names=sorted(ROOTS), limits=limits)
        if isinstance(answer, bytes):
            return _checked(answer)
        if (known := _around(answer.need, have)) is None:
            return Needs(frozenset({answer.need}), entire=answer.is_whole)
        part = pick(known.raw, answer.need, behind=known.behind)
        given[answer.need] = part if answer.is_whole else _handed(part)
    raise ExpressionFailed(f"It touches more than {_ROUNDS} parts of large values one by one.")


def _handed(raw: bytes | Large | None) -> bytes | Large | None:
    if raw is None or isinstance(raw, Large) or len(raw) < _LARGE_BYTES or (kind := kind_of(raw)) not in "{[":
        return raw
    return Large(is_array=kind == "[")


def _checked(answer: bytes) -> bytes:
    """`answer` if all of Tidemill takes it as JSON: user code may have meddled with how it was written."""
    try:
        jsontext.check(answer, max_bytes=MAX_BYTES)
    except (InvalidJson, TooLarge) as error:
        raise ExpressionFailed(f"What it gives cannot be kept: {error}") from error
    return answer


def _check_source(expression: str) -> None:
    if not expression.strip():
        raise ExpressionFailed("It is empty.")
    if len(expression) > MAX_SOURCE_CHARS:
        raise ExpressionFailed(f"It has more than {MAX_SOURCE_CHARS} characters.")


def failure(expression: str, why: ExpressionFailed, *, place: str, have: Given = _NOTHING) -> ExpressionFailed:
    """`why`, told with place and expression; also for who cannot give what `evaluate` asks for."""
    shown = " ".join(expression.split())
    shown = shown if len(shown) <= 200 else shown[:200] + "..."
    missing = sorted(str(need) for need, raw in have.items() if raw is None)
    hint = f" Without a value: {', '.join(missing)}." if missing else ""
    return type(why)(f"{f'{place}: ' if place else ''}the expression `{shown}` cannot be evaluated. {why}{hint}")
