"""One evaluation in JavaScript: a fresh QuickJS context that knows nothing of Python, with limits on time and memory.

Nothing of ours can be called from within, so what is not known yet cannot be fetched on the way: the evaluation is
given up, tells what it touched, and is begun again.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Literal, TypeAlias

import quickjs

from tidemill.engine.expressions.need import Key, Large, Need, NeedKind
from tidemill.model.errors import ExpressionFailed

_PRELUDE: Final = files(__package__).joinpath("prelude.js").read_text()
_EXACT: Final = files(__package__).joinpath("exact.js").read_text()
_STACK_BYTES: Final = 512 * 1024
_MAYBE_INEXACT: Final = re.compile(rb"[0-9][0-9.]{15}|[0-9][eE][+-]?[0-9]{3}")
_LONG_LITERAL: Final = re.compile(
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|//[^\n]*|/\*.*?\*/)|(?<![\w$.])([1-9][0-9]{15,})(?![\w$.])""",
    re.DOTALL,
)
_SAFE: Final = 2**53 - 1

Mode: TypeAlias = Literal["value", "parse"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one evaluation may use: seconds of processor time, and bytes of memory beside those of what it is given."""

    time_s: float = 1.0
    memory_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Touched:
    """What was touched and is not known; `is_whole`: it was handed over in parts, and has to be there as one."""

    need: Need
    is_whole: bool


Given: TypeAlias = "Mapping[Need, bytes | Large | None]"


def run(expression: str, given: Given, *, names: list[str], limits: Limits) -> bytes | Touched:
    """The value of `expression` as JSON text, or what has to be given too.

    Raises:
        ExpressionFailed: it is none, failed, or went over a limit. The message says how.
    """
    _check_literals(expression)
    return _answer(_called(expression, "value", names, given, limits))


def check_syntax(expression: str) -> None:
    """Nothing, if `expression` can be parsed; nothing of it runs.

    Raises:
        ExpressionFailed: it cannot; the message says what is wrong.
    """
    _check_literals(expression)
    _answer(_called(expression, "parse", [], {}, Limits()))


def _called(expression: str, mode: Mode, names: list[str], given: Given, limits: Limits) -> str:
    table, texts = _handed(given)
    context = quickjs.Context()
    context.set_memory_limit(limits.memory_bytes + sum(map(len, texts)))
    context.set_max_stack_size(_STACK_BYTES)
    context.set_time_limit(limits.time_s)
    try:
        prelude = context.eval(_PRELUDE)
        careful = context.eval(_EXACT) if any(form == "exact" for form, _ in table.values()) else None
        answer = prelude(expression, mode, json.dumps(names), json.dumps(table), careful, *texts)
    except quickjs.StackOverflow as error:
        raise ExpressionFailed("It calls itself too deeply.") from error
    except quickjs.JSException as error:
        raise ExpressionFailed(_over(str(error), limits)) from error
    except UnicodeEncodeError as error:
        raise ExpressionFailed("It has half of a surrogate pair, which is no text.") from error
    return str(answer)


def _handed(given: Given) -> tuple[dict[str, tuple[str, int]], list[str]]:
    """The table of what is known as the prelude reads it, and the texts that it points to."""
    table: dict[str, tuple[str, int]] = {}
    texts: list[str] = []
    for need, value in given.items():
        key = [need.kind.value, need.name, [str(each) for each in need.path]]
        match value:
            case None:
                form = "missing"
            case Large():
                form = "array" if value.is_array else "object"
            case bytes():
                form = "exact" if _MAYBE_INEXACT.search(value) else "plain"
                texts.append(value.decode())
        table[json.dumps(key, separators=(",", ":"), ensure_ascii=False)] = (form, len(texts) - 1)
    return table, texts


def _answer(answer: str) -> bytes | Touched:
    kind, text = answer[:1], answer[1:]
    if kind == "v":
        return text.encode()
    told = json.loads(text)
    if kind == "n":
        what, source, name, path = told
        keys: list[Key] = list(path)
        return Touched(Need(NeedKind(source), name, tuple(keys)), is_whole=what == "whole")
    raise ExpressionFailed(f"{told}.")


def _over(message: str, limits: Limits) -> str:
    if "interrupted" in message:
        return f"It took more than {limits.time_s:g} s."
    if "too long" in message or "invalid string length" in message:
        return "It makes a text that is too long."
    return f"It needs more than {limits.memory_bytes >> 20} MB of memory; take only the part of a value that is needed."


def _check_literals(expression: str) -> None:
    for found in _LONG_LITERAL.finditer(expression):
        number = found[2]
        if number is not None and (len(number) > 16 or int(number) > _SAFE):
            shown = number[:40]
            raise ExpressionFailed(
                f"The number {shown} would be rounded in JavaScript; write {shown}n, or take it from an input."
            )
