"""Passwords: hashed with argon2id in a thread, and compared with the same work whether the account exists or not."""

import asyncio
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from tidemill.model.errors import BadRequest

MIN_CHARS: Final = 8
MAX_CHARS: Final = 512

# The second of the settings that OWASP's password storage cheat sheet gives for argon2id.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_NOBODY: Final = f"$argon2id$v=19$m=19456,t=2,p=1${'A' * 22}${'A' * 43}"
"""A hash that no password is known for; costs as much to compare with as a real one."""


def check_password(password: str) -> str:
    """`password`, if it may be one; raises BadRequest where it is shorter than 8 or longer than 512 characters."""
    if len(password) < MIN_CHARS:
        raise BadRequest(f"A password has at least {MIN_CHARS} characters.")
    if len(password) > MAX_CHARS:
        raise BadRequest(f"A password has at most {MAX_CHARS} characters.")
    return password


async def hash_password(password: str) -> str:
    """What is kept of `password`: an argon2id hash with its salt and parameters."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def is_password(kept: str | None, password: str) -> bool:
    """Whether `kept` was made from `password`. None (no account, or none with a password) takes as long and is not."""
    if len(password) > MAX_CHARS:
        password = password[:MAX_CHARS] + "\0"  # longer than any that was taken, so never right
    fits = await asyncio.to_thread(_verify, kept or _NOBODY, password)
    return fits and kept is not None


def is_outdated(kept: str) -> bool:
    """Whether `kept` was made with weaker parameters than those of today."""
    return _HASHER.check_needs_rehash(kept)


def _verify(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
