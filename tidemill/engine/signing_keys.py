"""Keys that sign requests, remembered."""

from collections import OrderedDict
from typing import Final

from tidemill.engine.sigv4 import Scope, signing_key

_MOST_KEYS: Final = 2000


class SigningKeys:
    """The keys that sign one day's requests, remembered: to make one takes four HMACs."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, Scope], bytes] = OrderedDict()

    def get(self, secret: str, scope: Scope) -> bytes:
        """The key of `secret` for `scope`."""
        place = secret, scope
        key = self._known.get(place)
        if key is None:
            key = signing_key(secret, scope)
            if len(self._known) >= _MOST_KEYS:
                self._known.popitem(last=False)
            self._known[place] = key
        return key
