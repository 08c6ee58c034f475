"""Names put into the text of a script: `%%table%%`. Nothing else is ever spliced into SQL."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from tidemill.engine.contextual import NAMES
from tidemill.engine.sql.declarations import Declared
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest

MAX_CHARS: Final = 255
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_HARMLESS: Final = re.compile(r"(?!.*(?:--|//|/\*))[A-Za-z0-9_.@/+:-]*")
_VARIABLES: Final = frozenset(name for name in NAMES if name.startswith("WM_")) - {"WM_TOKEN"}
_USED: Final = re.compile(r"%%(\w+)%%")


def interpolate(
    text: str, declared: Iterable[Declared], args: Mapping[str, bytes], contextual: Mapping[str, str]
) -> str:
    """`text` with the names put in that its arguments give, and `%%WM_…%%` from `contextual`; "" for one that it lacks.

    Raises:
        BadRequest: a value is missing, is no name, or is not among the choices; the message names the argument.
    """
    if "%%" not in text:
        return text
    values = {each.name: _checked(each, args.get(each.name)) for each in declared if each.is_name}

    def put_in(found: re.Match[str]) -> str:
        name = found[1]
        if name in values:
            return values[name]
        if name in _VARIABLES or (name.startswith("WM_") and name in contextual):
            return _harmless(name, contextual.get(name, ""))
        return found[0]

    return _USED.sub(put_in, text)


def _checked(declared: Declared, raw: bytes | None) -> str:
    value = None if raw is None else jsontext.loads(raw)
    name = declared.name
    if not isinstance(value, str) or not value:
        raise BadRequest(f"The argument {name} is missing: it must be a name, which is put in for %%{name}%%.")
    if declared.choices and value not in declared.choices:
        raise BadRequest(f"The argument {name} must be one of {', '.join(declared.choices)}.")
    if len(value) > MAX_CHARS or not _NAME.fullmatch(value):
        raise BadRequest(
            f"The argument {name} is put into the script as a name: it must begin with a letter and hold only the "
            "letters A to Z, digits and underscores."
        )
    return value


def _harmless(name: str, value: str) -> str:
    """A variable of the job, if it cannot end a text in quotes, nor begin a comment."""
    if not _HARMLESS.fullmatch(value):
        raise BadRequest(
            f"%%{name}%% cannot be put into SQL: its value has other signs than letters, digits and .@/+:-"
        )
    return value
