"""Where a cluster keeps a key: in one of its slots, by a checksum of the name or of the tag in it.

https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ tells how.
"""

import binascii
from typing import Final

SLOTS: Final = 16384


def slot_of(key: bytes) -> int:
    """The slot of a key; those with the same `{tag}` share one."""
    begin = key.find(b"{")
    end = key.find(b"}", begin + 1)
    tag = key[begin + 1 : end] if begin >= 0 and end > begin + 1 else key
    return binascii.crc_hqx(tag, 0) % SLOTS
