"""Root keys given as a text (an environment variable): base64, several separated by commas, the newest last."""

from tidemill.model.rootkey import decode_key
from tidemill.stores.secrets.port import HeldKeys


def keys_of_value(text: str) -> HeldKeys:
    """The keys in `text`.

    Raises:
        ConfigurationError: one is not 32 random bytes in base64.
    """
    return HeldKeys(map(decode_key, filter(None, map(str.strip, text.split(",")))), holder="TIDEMILL_ROOT_KEY")
