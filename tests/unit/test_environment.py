"""What a job is told in its environment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from tidemill.engine.environment import FlowContext, JobContext, job_environment, object_path, state_path
from tidemill.model.errors import BadRequest

JOB, FLOW, ROOT = UUID(int=1), UUID(int=2), UUID(int=3)
CONTEXT = JobContext(
    workspace="main",
    token="secret",
    email="ann@x.org",
    username="ann",
    permissioned_as="u/ann",
    base_url="https://mill.example",
    base_internal_url="http://localhost:8000",
    job_id=JOB,
    attempt=2,
    scheduled_for=datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    script_path="f/etl/load",
)
IN_FLOW = replace(CONTEXT, flow=FlowContext(job_id=FLOW, root_job_id=ROOT, path="f/etl/night", step_id="b"))
FLOW_NAMES = {"WM_FLOW_JOB_ID", "WM_ROOT_FLOW_JOB_ID", "WM_FLOW_PATH", "WM_FLOW_STEP_ID"}


@pytest.mark.parametrize(
    ("context", "path"),
    [
        (CONTEXT, "f/etl/load/user"),
        (replace(CONTEXT, username="bob"), "f/etl/load/user"),
        (replace(CONTEXT, schedule_path="f/etl/hourly"), "f/etl/load/ann"),
        (replace(CONTEXT, script_path=""), "u/ann/tmp_state"),
        (replace(CONTEXT, script_path="u/ann/"), "u/ann/state/user"),
        (IN_FLOW, "f/etl/night/b_user"),
        (replace(IN_FLOW, schedule_path="f/etl/hourly"), "f/etl/night/b_ann"),
        (
            replace(CONTEXT, flow=FlowContext(job_id=FLOW, root_job_id=ROOT, path="f/etl/night")),
            "f/etl/night/nostep_user",
        ),
    ],
)
def test_state_path(context: JobContext, path: str) -> None:
    assert state_path(context) == path
    environment = job_environment(context)
    assert environment["WM_STATE_PATH"] == environment["WM_STATE_PATH_NEW"] == path


def test_object_path_is_of_this_run_alone() -> None:
    assert object_path(CONTEXT) == f"f_etl_load/manual/1767323045678_{JOB}"
    assert object_path(replace(IN_FLOW, schedule_path="f/etl/hourly")) == (
        f"f_etl_night/f_etl_hourly/b/1767323045678_{JOB}"
    )
    assert object_path(replace(CONTEXT, script_path="")) == f"manual/1767323045678_{JOB}"


def test_unset_variables_are_empty_but_those_of_flows_are_missing() -> None:
    environment = job_environment(CONTEXT)
    assert FLOW_NAMES.isdisjoint(environment)
    empty = {name for name, value in environment.items() if value == ""}
    assert empty == {"WM_SCHEDULE_PATH", "WM_RUNNABLE_ID", "WM_WORKER_GROUP", "WM_END_USER_EMAIL"}
    assert environment["WM_ROOT_JOB_ID"] == str(JOB)
    assert environment["WM_JOB_ATTEMPT"] == "2"


def test_a_step_is_told_of_its_flow() -> None:
    environment = job_environment(replace(IN_FLOW, root_job_id=ROOT))
    assert [environment[name] for name in sorted(FLOW_NAMES)] == [str(FLOW), "f/etl/night", "b", str(ROOT)]
    assert environment["WM_ROOT_JOB_ID"] == str(ROOT)


def test_the_due_time_is_utc_to_the_second() -> None:
    there = replace(CONTEXT, scheduled_for=CONTEXT.scheduled_for.astimezone(timezone(timedelta(hours=5))))
    assert job_environment(there)["WM_SCHEDULED_FOR"] == "2026-01-02T03:04:05Z"


def test_custom_variables_are_added_and_never_replace_ours() -> None:
    custom = {"REGION": "eu", "WM_TOKEN": "other", "WM_FLOW_JOB_ID": "x"}
    environment = job_environment(replace(CONTEXT, custom=custom))
    assert environment["REGION"] == "eu"
    assert environment["WM_TOKEN"] == "secret"
    assert FLOW_NAMES.isdisjoint(environment)


@pytest.mark.parametrize("custom", [{"": "x"}, {"A=B": "x"}, {"A": "x\0y"}, {"A\0": "x"}])
def test_a_variable_that_no_process_can_have_is_refused(custom: dict[str, str]) -> None:
    with pytest.raises(BadRequest, match="cannot be set"):
        job_environment(replace(CONTEXT, custom=custom))
