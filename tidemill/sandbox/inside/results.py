"""The result of a Python job as strict JSON.

Dates and times become ISO 8601; `bytes` base64; sets and tuples lists; Decimal, UUID, Path and anything unknown its
text (so a Decimal is exact); enums their value; dataclasses, attrs and pydantic models objects; numpy arrays and
scalars what `tolist` gives; data frames a list of records. Integers of any size stay exact. NaN, the infinities, half
surrogate pairs and values that hold themselves are errors that name where they are: nothing is changed silently.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

DEEPEST = 400


class Refused(Exception):
    """Something about the call or the result that the user must change; shown without a stack."""


@contextmanager
def limitless_integers() -> Iterator[None]:
    """Let integers of any length be read and written as text."""
    change = getattr(sys, "set_int_max_str_digits", None)
    if change is None:
        yield
        return
    before = sys.get_int_max_str_digits()
    change(0)
    try:
        yield
    finally:
        change(before)


def to_json(value: object, root: str) -> bytes:
    """Strict JSON. What a value has as bytes under `__json_text__` is taken for its JSON as it is.

    Raises:
        Refused: JSON cannot hold the value; the message names the place, beginning with `root`.
    """
    written = getattr(value, "__json_text__", None)
    if type(written) is bytes:
        return written
    try:
        return encode(value)
    except (TypeError, ValueError, RecursionError):
        with limitless_integers():
            return encode(walk(value, root, ()))  # slower, but it finds the place, and turns keys into texts


def from_json(content: bytes) -> Any:
    """A value of JSON; integers of any size."""
    text = content.decode()
    try:
        value, end = SCAN(text, 0)
        if end == len(text):
            return value
    except (StopIteration, ValueError):
        pass  # something around the value, an integer that is longer than Python likes, or no JSON at all
    with limitless_integers():
        return json.loads(text)


def encode(value: object) -> bytes:
    """As the standard library does, without its NaN."""
    return "".join(ENCODE(value, 0)).encode()


def plain(value: Any) -> Any:
    """What stands for a value that JSON has no form for."""
    import base64
    import datetime
    import enum

    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, (set, frozenset)):
        return ordered(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, type):
        return str(value)
    for way in (as_fields, as_model, as_array, as_mapping):
        found = way(value)
        if found is not None:
            return found[0]
    return str(value)


# What `json` makes anew for each value: in a fresh process that costs as much as a small value does.
SCAN = json.JSONDecoder().scan_once  # type: ignore[attr-defined]
ENCODE = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
    None, plain, json.encoder.encode_basestring, None, ":", ",", False, False, False
)


def ordered(values: Collection[Any]) -> list[Any]:
    """A set as a list, sorted where that is possible so that a result does not depend on chance."""
    try:
        return sorted(values)
    except TypeError:
        return list(values)


def as_fields(value: Any) -> tuple[Any] | None:
    """A dataclass or attrs object."""
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is None:
        names = [field.name for field in getattr(type(value), "__attrs_attrs__", ())]
    return ({name: getattr(value, name) for name in names},) if names else None


def as_model(value: Any) -> tuple[Any] | None:
    """A pydantic model, of version 2 or 1."""
    if hasattr(value, "model_dump"):
        return (value.model_dump(),)
    return (value.dict(),) if hasattr(value, "__fields__") and hasattr(value, "dict") else None


def as_array(value: Any) -> tuple[Any] | None:
    """Data frames, series, arrays and scalars of numpy, pandas, polars and arrow."""
    if type(value).__name__ == "DataFrame" and hasattr(value, "to_dict"):
        return (value.to_dict("records") if hasattr(value, "iloc") else value.to_dicts(),)
    for name in ("to_pylist", "tolist", "to_list"):
        if hasattr(value, name):
            return (getattr(value, name)(),)
    return None


def as_mapping(value: Any) -> tuple[Any] | None:
    """Anything that is used like a dict (a row of a database, say)."""
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return ({key: value[key] for key in value.keys()},)  # noqa: SIM118 # it may have no other way to iterate
    return None


def walk(value: Any, path: str, above: tuple[int, ...]) -> Any:
    """The same value made of plain things only.

    Raises:
        Refused: JSON cannot hold it; the message says where.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise Refused(f"{path} is {value!r}, which JSON cannot hold: return None or a text instead.")
        return value
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise Refused(f"{path} holds half of a surrogate pair, which is no valid text.")
        return value
    if id(value) in above or len(above) > DEEPEST:
        raise Refused(f"{path[:200]} holds itself or is more than {DEEPEST} levels deep, which JSON cannot hold.")
    above = (*above, id(value))
    if isinstance(value, dict):
        return {key_text(key): walk(item, f"{path}.{key_text(key)}", above) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [walk(item, f"{path}[{place}]", above) for place, item in enumerate(value)]
    return walk(plain(value), path, above)


def key_text(key: Any) -> str:
    """A key as JSON has it."""
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    return str(plain(key))
