"""The key under which the result of a script is kept for the same arguments.

Two calls have the same key only when the script cannot tell them apart. So numbers are compared as they are written
(`1`, `1.0` and `1e0` are three keys: Python sees an int and floats), and so is the order of members in nested objects;
only the order of the arguments themselves, blanks between tokens, and how characters are escaped make no difference.
A key too many costs one run; a key too few gives somebody a wrong result.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Final

_TOKEN: Final = re.compile(rb'(?P<string>"(?:[^"\\]|\\.)*+(?:"|\\?\Z))|(?P<blank>[ \t\r\n]++)', re.DOTALL)


def cache_key(*, workspace: str, version: str, permissioned_as: str, arguments: Mapping[str, bytes]) -> bytes:
    """32 bytes for one version of a script, run under one identity, with raw JSON `arguments`.

    The identity is part of it since results hold what its rights could read. Hand in the arguments after references
    to variables and resources were put in, so that a changed secret is not answered with an old result.
    """
    digest = hashlib.sha256()
    parts = [workspace.encode(), version.encode(), permissioned_as.encode()]
    for name in sorted(arguments):
        parts += (name.encode(), canonical(arguments[name]))
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def canonical(raw: bytes) -> bytes:
    """`raw` (checked JSON) without blanks between tokens and with every string escaped in one way."""
    return _TOKEN.sub(_one_way, raw)


def _one_way(token: re.Match[bytes]) -> bytes:
    text = token["string"]
    return b"" if text is None else json.dumps(json.loads(text)).encode()
