"""The backends that the suite runs on: name -> how to come by a fresh, empty bucket.

A factory is an async context manager. It is given the test's request (`request.getfixturevalue("tmp_path")`, or a
fixture that starts a server), and gives `open_store`: each call opens another store object on the same bucket, as a
process that starts anew does. The suite closes them. Where a server is missing the factory skips the test and says why.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import pytest

from tests.contracts.objects import in_azure, in_folder, in_gcs, in_memory, in_s3
from tidemill.stores.objects.port import ObjectStore

OpenStore = Callable[[], ObjectStore]
Factory = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[OpenStore]]

BUCKETS: Final[dict[str, Factory]] = {
    "local": in_folder.bucket,
    "memory": in_memory.bucket,
    "ceph": in_s3.bucket_on("ceph"),
    "ministack": in_s3.bucket_on("ministack"),
    "azure": in_azure.bucket,
    "gcs": in_gcs.bucket,
}

KEPT_IN_MEMORY: Final = frozenset({"memory"})
"""Those that hold whole objects in memory, and nothing else can be asked of them."""

_COMPOSES: Final = "fake-gcs-server ignores ifGenerationMatch when it composes an object"
SHORTCOMINGS: Final[dict[tuple[str, str], str]] = {
    ("gcs", "test_a_copy_replaces_its_target_or_leaves_it"): "fake-gcs-server ignores ifGenerationMatch when it copies",
    ("gcs", "test_a_delete_on_a_condition"): "fake-gcs-server ignores ifGenerationMatch when it deletes",
    ("gcs", "test_conditions_are_decided_at_the_end"): _COMPOSES,
    ("gcs", "test_of_eight_uploads_that_create_one_wins"): _COMPOSES,
    ("ceph", "test_parts_that_are_not_named_are_dropped"): (
        "Ceph 16 completes an upload only with all of its parts, and says InvalidPart otherwise"
    ),
}
"""Of servers, which no backend can make up for: backend and test -> what the server does. Nothing is kept wrongly."""
