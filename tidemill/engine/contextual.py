"""The variables that every job has in its environment, told for people: what each is, and what it looks like."""

from dataclasses import dataclass
from typing import Final

from tidemill.engine.environment import JobContext, job_environment


@dataclass(frozen=True, slots=True)
class Contextual:
    """One environment variable of jobs, with the value that it would have for the asker."""

    name: str
    value: str
    description: str


_DESCRIPTIONS: Final = {
    "BASE_INTERNAL_URL": "Where a job reaches the server, without /api.",
    "BASE_URL": "The same, under the name that some clients look for.",
    "WM_BASE_URL": "Where people reach the server.",
    "WM_TOKEN": "The token of the job: it has the rights of whom the job runs as, and ends with it.",
    "WM_WORKSPACE": "The workspace that the job belongs to.",
    "WM_EMAIL": "The e-mail address of whom the job runs as.",
    "WM_USERNAME": "The username of whom the job runs as.",
    "WM_PERMISSIONED_AS": "Whose rights the job has: u/<user> or g/<group>.",
    "WM_END_USER_EMAIL": "The e-mail address of who uses the app that started the job.",
    "WM_JOB_ID": "The id of the job.",
    "WM_JOB_ATTEMPT": "Which attempt of the job this is: 1, and more after a lost worker.",
    "WM_JOB_PATH": "The path of the script.",
    "WM_ROOT_JOB_ID": "The id of the topmost job that this one belongs to.",
    "WM_RUNNABLE_ID": "The hash of the script's version.",
    "WM_SCHEDULE_PATH": "The path of the schedule that started the job.",
    "WM_SCHEDULED_FOR": "When the job was due, in UTC.",
    "WM_STATE_PATH": "The path of the resource that holds the script's state.",
    "WM_STATE_PATH_NEW": "The same, under the name that newer clients look for.",
    "WM_OBJECT_PATH": "A path in object storage that no other run has.",
    "WM_WORKER_GROUP": "The group of the worker that runs the job.",
    "WM_FLOW_JOB_ID": "In flows: the id of the flow's job.",
    "WM_ROOT_FLOW_JOB_ID": "In flows: the id of the topmost flow's job.",
    "WM_FLOW_PATH": "In flows: the path of the flow.",
    "WM_FLOW_STEP_ID": "In flows: the id of the step.",
}
NAMES: Final = frozenset(_DESCRIPTIONS)
"""All that a job may have; in some circumstances it lacks a few."""


def contextual_variables(example: JobContext) -> list[Contextual]:
    """What a job in the circumstances of `example` would find, in order of name."""
    environment = job_environment(example)
    names = sorted({*environment, *_DESCRIPTIONS})
    return [Contextual(name, environment.get(name, ""), _DESCRIPTIONS.get(name, "")) for name in names]
