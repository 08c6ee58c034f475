"""Commands of Redis that change nothing, for servers that are not to be asked, or cannot be."""

from collections.abc import Sequence
from typing import Final

HARMLESS: Final = frozenset(
    {"PING", "ECHO", "TIME", "INFO", "COMMAND", "WATCH", "UNWATCH", "SELECT", "WAIT", "LASTSAVE", "READONLY"}
)
"""They touch no key; servers do not count them among those that read."""

READING: Final = HARMLESS | frozenset(
    {
        *("BITCOUNT", "BITFIELD_RO", "BITPOS", "DBSIZE", "DUMP", "EVAL_RO", "EVALSHA_RO", "EXISTS", "EXPIRETIME"),
        *("FCALL_RO", "GEODIST", "GEOHASH", "GEOPOS", "GEORADIUS_RO", "GEORADIUSBYMEMBER_RO", "GEOSEARCH", "GET"),
        *("GETBIT", "GETRANGE", "HEXISTS", "HEXPIRETIME", "HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "HPEXPIRETIME"),
        *(
            "HPTTL",
            "HRANDFIELD",
            "HSCAN",
            "HSTRLEN",
            "HTTL",
            "HVALS",
            "KEYS",
            "LCS",
            "LINDEX",
            "LLEN",
            "LPOS",
            "LRANGE",
        ),
        *("MEMORY|USAGE", "MGET", "OBJECT|ENCODING", "OBJECT|FREQ", "OBJECT|IDLETIME", "OBJECT|REFCOUNT"),
        *("PEXPIRETIME", "PFCOUNT", "PTTL", "RANDOMKEY", "SCAN", "SCARD", "SDIFF", "SINTER", "SINTERCARD", "SISMEMBER"),
        *("SMEMBERS", "SMISMEMBER", "SORT_RO", "SRANDMEMBER", "SSCAN", "STRLEN", "SUBSTR", "SUNION", "TOUCH", "TTL"),
        *(
            "TYPE",
            "XINFO|CONSUMERS",
            "XINFO|GROUPS",
            "XINFO|STREAM",
            "XLEN",
            "XPENDING",
            "XRANGE",
            "XREAD",
            "XREVRANGE",
        ),
        *("ZCARD", "ZCOUNT", "ZDIFF", "ZINTER", "ZINTERCARD", "ZLEXCOUNT", "ZMSCORE", "ZRANDMEMBER", "ZRANGE"),
        *("ZRANGEBYLEX", "ZRANGEBYSCORE", "ZRANK", "ZREVRANGE", "ZREVRANGEBYLEX", "ZREVRANGEBYSCORE", "ZREVRANK"),
        *("ZSCAN", "ZSCORE", "ZUNION"),
    }
)
"""The commands that Redis and Valkey themselves flag as reading only."""


def full_name(words: Sequence[bytes]) -> tuple[str, str]:
    """The name of a command, and the name with its subcommand as servers tell it; "" where there is none."""
    name = words[0].decode(errors="replace").upper()
    return name, f"{name}|{words[1].decode(errors='replace').upper()}" if len(words) > 1 else ""


def only_reads(words: Sequence[bytes]) -> bool:
    """Whether a command surely changes nothing."""
    return not READING.isdisjoint(full_name(words))
