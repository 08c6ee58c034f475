"""The corner of a bucket that is ours: parts of uploads where the vendor keeps none. Nobody else sees it."""

from typing import Final

from tidemill.model.errors import InvalidKey
from tidemill.stores.objects.checks import check_key
from tidemill.stores.objects.port import Folder, ObjectInfo
from tidemill.stores.objects.remote.pages import name_of

HIDDEN: Final = ".tidemill/"
UPLOADS: Final = HIDDEN + "uploads/"


def check_visible(key: str) -> None:
    """Raises InvalidKey for what is no key, and for keys in our corner."""
    check_key(key)
    if key.startswith(HIDDEN):
        raise InvalidKey(f"Keys that begin with {HIDDEN!r} are Tidemill's own in this kind of storage: choose another.")


def is_visible(entry: ObjectInfo | Folder) -> bool:
    """Whether an entry of a listing is somebody's."""
    return not name_of(entry).startswith(HIDDEN)
