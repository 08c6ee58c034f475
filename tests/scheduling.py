"""Which tests stay together on one worker of xdist, in which order workers get them, and how many workers there are.

Those of a file stay together, and so do those of a folder that share what takes long to start. What takes longest comes
first, so that at the end of a run no worker waits for another.
"""

import os
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SHARED: Final = (
    "tests/end_to_end/",  # the running Tidemill
    "tests/contracts/objects/",  # the object servers
    "tests/contracts/databases/",  # the databases of users
    "tests/conformance/",  # the running Tidemill
)
"""Folders whose tests stay together."""
OF_THEIR_OWN: Final = frozenset({"test_apart.py", "test_idle.py", "test_secrets_at_rest.py", "test_up.py"})
"""Files of these folders whose tests start what they need by themselves."""
LAST: Final = ("tests/security/", "tests/reliability/", "tests/conformance/", "tests/api/", "tests/db/", "tests/unit/")
"""What comes behind all others, in this order: the quickest at the end."""


class Scheduling(LoadScopeScheduling):
    """Gives whole groups to the workers, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """The group of a test: its folder or its file."""
    file = nodeid.partition("::")[0]
    folder = next((folder for folder in SHARED if file.startswith(folder)), "")
    return file if not folder or file.removeprefix(folder) in OF_THEIR_OWN else folder


def turn_of(nodeid: str) -> int:
    """When a test gets its turn: the lower, the earlier."""
    scope = scope_of(nodeid)
    if scope in SHARED:
        return SHARED.index(scope) - len(SHARED)
    return next((place for place, folder in enumerate(LAST, start=1) if scope.startswith(folder)), 0)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: turn_of(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: much of what is tested is that something waits, and ends when it should."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Called where the tests are given to the workers."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)
