"""What every holder of the root key offers, and the keys in order that all holders share."""

from collections.abc import Iterable

from tidemill.model.errors import ConfigurationError, SecretsUnreadable
from tidemill.model.rootkey import RootKeys, key_id_of

__all__ = ["HeldKeys", "RootKeys"]


class HeldKeys:
    """Root keys in memory, the newest last. `holder` names where they came from, for messages."""

    def __init__(self, keys: Iterable[bytes], *, holder: str) -> None:
        self._keys: dict[str, bytes] = {}
        self._holder = holder
        self.hold(keys)

    def __repr__(self) -> str:
        return f"<root keys {', '.join(self._keys)} of {self._holder}>"

    def hold(self, keys: Iterable[bytes]) -> None:
        """Hold these keys instead."""
        self._keys = {key_id_of(key): key for key in keys}
        if not self._keys:
            raise ConfigurationError(f"{self._holder} holds no root key.")

    def current(self) -> tuple[str, bytes]:
        """The newest."""
        return next(reversed(self._keys.items()))

    def get(self, key_id: str) -> bytes:
        """The key of that id.

        Raises:
            SecretsUnreadable: it is not here.
        """
        try:
            return self._keys[key_id]
        except KeyError:
            raise SecretsUnreadable(
                f"The root key {key_id} is needed, but {self._holder} holds only {', '.join(self._keys)}: "
                "put the file that belongs to this database back, or restore the key from its recovery kit with "
                "`tidemill secrets restore-root-key`."
            ) from None

    @property
    def ids(self) -> list[str]:
        """All ids, the oldest first."""
        return list(self._keys)
