"""What people are told of the environment of jobs."""

from datetime import UTC, datetime
from uuid import UUID

from tidemill.engine.contextual import contextual_variables
from tidemill.engine.environment import FlowContext, JobContext, job_environment


def test_every_variable_of_a_job_is_explained() -> None:
    context = JobContext(
        workspace="main",
        token="t",
        email="a@x.org",
        username="a",
        permissioned_as="u/a",
        base_url="http://x",
        base_internal_url="http://y",
        job_id=UUID(int=1),
        attempt=1,
        scheduled_for=datetime(2030, 1, 1, tzinfo=UTC),
        flow=FlowContext(job_id=UUID(int=2), root_job_id=UUID(int=2), path="f/x/y", step_id="a"),
    )
    told = contextual_variables(context)
    assert {each.name: each.value for each in told} == job_environment(context)
    assert all(each.description.endswith(".") for each in told)
