"""Failpoints: silent unless armed, exact in counting."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tidemill.model.errors import ConfigurationError
from tidemill.model.failpoint import NAMES, Failpoint, arm, failpoint, known


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    yield
    arm("")


def test_an_unarmed_failpoint_does_nothing() -> None:
    for name in known():
        failpoint(name)


def test_it_fails_at_the_nth_passing_only() -> None:
    arm("claim.after_commit:2:raise")
    failpoint("claim.after_commit")
    failpoint("complete.after_commit")
    with pytest.raises(Failpoint, match=r"claim\.after_commit"):
        failpoint("claim.after_commit")
    failpoint("claim.after_commit")


def test_several_can_be_armed_and_all_disarmed() -> None:
    arm("claim.after_commit:1:raise,complete.after_commit:1:raise")
    for name in ("claim.after_commit", "complete.after_commit"):
        with pytest.raises(Failpoint):
            failpoint(name)
    arm("")
    failpoint("claim.after_commit")


def test_kill_is_a_sigkill() -> None:
    code = "from tidemill.model.failpoint import arm, failpoint; arm('claim.after_commit:1:kill')"
    code += "; failpoint('claim.after_commit'); print('alive')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")


@pytest.mark.parametrize(
    "text",
    ["claim.after_commit", "claim.after_commit:0:kill", "claim.after_commit:1:explode", "nowhere:1:kill", "a:b:c"],
)
def test_a_wrong_specification_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="name:nth"):
        arm(text)


def test_an_undeclared_failpoint_is_noticed_when_any_is_armed() -> None:
    arm("claim.after_commit:1:raise")
    with pytest.raises(ValueError, match="not declared"):
        failpoint("nowhere")


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)
