"""A job of somebody who is gone by the time that it is claimed does not start (D07)."""

import pytest

from tests.reliability.harness import Chaosbox

GONE = {
    "account disabled": "update account set disabled = true where email = 'ada@x.org' returning 1",
    "member disabled": "update member set disabled = true where email = 'ada@x.org' returning 1",
    "member removed": "delete from member where email = 'ada@x.org' returning 1",
    "workspace archived": "update workspace set archived_at = now() where id = 'main' returning 1",
}


@pytest.mark.parametrize("change", GONE.values(), ids=GONE)
def test_a_queued_job_of_somebody_who_is_gone_does_not_start(box: Chaosbox, change: str) -> None:
    box.start_server()
    job = box.tick(0)
    assert box.rows(change)
    box.start_worker()
    row = box.ended(job)
    assert (row["state"], row["end_reason"]) == ("failure", "unprepared")
    assert "not a member of its workspace any more" in row["result"]
    assert box.starts(job) == []


def test_a_job_of_a_superadmin_who_is_no_member_starts(box: Chaosbox) -> None:
    box.start_server()
    job = box.tick(0)
    assert box.rows("update account set superadmin = true where email = 'ada@x.org' returning 1")
    assert box.rows("delete from member where email = 'ada@x.org' returning 1")
    box.start_worker()
    assert box.ended(job)["state"] == "success"
