"""Which tests stay together on one worker of xdist: those that share the running Tidemill of tests/end_to_end.

With pytest 9.2, xdist 3.8 cannot add the names of groups to those of tests, so that `xdist_group` has no effect; here
the file tells.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SHARED = "tests/end_to_end/"
OF_THEIR_OWN = frozenset({"test_apart.py", "test_idle.py", "test_secrets_at_rest.py", "test_up.py"})
"""Files of that folder whose tests start what they need by themselves."""


class Scheduling(LoadScopeScheduling):
    """As `--dist loadgroup`: each test by itself, but those of one group on one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(nodeid: str) -> str:
    """The group of a test; a test in no group is one by itself."""
    file = nodeid.partition("::")[0]
    if file.startswith(SHARED) and file.removeprefix(SHARED) not in OF_THEIR_OWN:
        return SHARED
    return nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Called where the tests are given to the workers."""
    return Scheduling(config, log)
