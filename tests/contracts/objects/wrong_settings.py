"""What every call on a store says when its settings are wrong."""

import pytest

from tests.contracts.objects.bytes_of import put
from tidemill.model.errors import TidemillError
from tidemill.stores.objects.port import ObjectStore


async def every_call(store: ObjectStore) -> list[TidemillError]:
    """What each call raises."""
    calls = [
        store.head("a"),
        store.get("a"),
        put(store, "a"),
        store.delete("a"),
        store.copy("a", "b"),
        store.scan(""),
        store.scan_folder(""),
        store.start_upload("a"),
    ]
    errors = []
    for call in calls:
        with pytest.raises(TidemillError) as raised:
            await call
        errors.append(raised.value)
    return errors
