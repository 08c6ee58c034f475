"""The recovery kit: a root key as a text that a person can print, keep in a safe and type in again."""

import base64
import binascii
import hashlib
from typing import Final

from tidemill.model.errors import BadRequest
from tidemill.model.rootkey import KEY_BYTES, key_id_of

_GROUP: Final = 4
_PER_LINE: Final = 7
_CHECK_BYTES: Final = 3
_PREFIX: Final = "TMRK1"


def recovery_kit(key: bytes) -> str:
    """The text to print once: what it is for, and the key in groups of four letters and digits with a checksum."""
    code = base64.b32encode(key + _checksum(key)).decode().rstrip("=")
    groups = [code[at : at + _GROUP] for at in range(0, len(code), _GROUP)]
    lines = ["    " + " ".join(groups[at : at + _PER_LINE]) for at in range(0, len(groups), _PER_LINE)]
    return "\n".join(
        [
            f"Tidemill recovery kit (root key {key_id_of(key)})",
            "",
            "Whoever has this and a copy of the database can read every secret in it. Without it, and without the key",
            "file, nobody can. It is shown only now: keep it away from the database and its backups.",
            "",
            f"    {_PREFIX}",
            *lines,
            "",
            "To use it: tidemill secrets restore-root-key",
        ]
    )


def parse_recovery_kit(text: str) -> bytes:
    """The key in `text`: the whole kit, or its code alone, in any grouping and case (0, 1 and 8 count as O, I and B).

    Raises:
        BadRequest: no code is in it, or it has a mistake.
    """
    _, found, code = text.upper().rpartition(_PREFIX)
    code = code.partition("TO USE IT")[0] if found else text.upper()
    letters = "".join(code.split()).replace("-", "").translate(str.maketrans("018", "OIB"))
    try:
        raw = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except binascii.Error as error:
        raise BadRequest("This is not a recovery code: it has letters and the digits 2 to 7 only.") from error
    key, check = raw[:KEY_BYTES], raw[KEY_BYTES:]
    if len(raw) != KEY_BYTES + _CHECK_BYTES or check != _checksum(key):
        raise BadRequest("The recovery code has a mistake: its checksum does not fit. Compare it group by group.")
    return key


def _checksum(key: bytes) -> bytes:
    return hashlib.sha256(b"tidemill recovery kit\0" + key).digest()[:_CHECK_BYTES]
