"""Proofs of who asks, for stores that are reached by an identity and not by a key: tokens for one audience."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from tidemill.model.errors import StorageMisconfigured

Prove = Callable[[str], Awaitable[str]]
"""Gives a token (JWT) that proves to an audience who asks; good for some minutes. Whoever opens a store decides it:
what a user wrote into a resource never names a token or a file of this machine by itself."""

_TOKEN: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
_TOKEN_BYTES: Final = 16 * 1024


async def nobody(audience: str) -> str:
    """A `Prove` for who has no identity."""
    raise StorageMisconfigured(
        f"Nothing proves to {audience} here who asks: choose the resource as a storage of the workspace, and test that."
    )


def by_file(path: Path) -> Prove:
    """A `Prove` by a file that somebody else keeps fresh, as clusters mount them."""

    async def prove(_audience: str) -> str:
        return await asyncio.to_thread(_token_in, path)

    return prove


def _token_in(path: Path) -> str:
    """What the file holds, if it is a token: nothing else of this machine is sent anywhere."""
    try:
        with path.open("rb") as file:
            found = file.read(_TOKEN_BYTES).decode("ascii").strip()
    except (OSError, ValueError) as error:
        raise StorageMisconfigured(f"The token file {path} cannot be read here.") from error
    if _TOKEN.fullmatch(found) is None:
        raise StorageMisconfigured(f"The token file {path} holds no token.")
    return found
