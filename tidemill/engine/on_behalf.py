"""Scripts and flows that run on behalf of whoever they were deployed for, and not of who starts them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tidemill.engine.inputs import contains_reference
from tidemill.model.errors import BadRequest

ON_BEHALF_OF: Final = "on_behalf_of"
ON_BEHALF_OF_EMAIL: Final = "on_behalf_of_email"
"""The settings that say so: `u/<username>`, and the account."""


@dataclass(frozen=True, slots=True)
class ActsFor:
    """Whom a job acts for. `options`: what it carries of who started it, where that is somebody else."""

    actor: str
    email: str
    options: Mapping[str, object] = field(default_factory=dict)


def acts_for(settings: Mapping[str, Any], *, actor: str, email: str, flow_args: bytes | None) -> ActsFor:
    """Whom the job of something with these settings acts for, that `actor` starts; `flow_args`: of a flow.

    References in the arguments are put in under the rights of who gave them. A flow hands its arguments on to steps,
    where that cannot be told any more: it takes none.

    Raises:
        BadRequest: it is a flow, and there are references in its arguments.
    """
    other, other_email = settings.get(ON_BEHALF_OF), settings.get(ON_BEHALF_OF_EMAIL)
    if not other or not other_email or other_email == email:
        return ActsFor(actor, email)
    if flow_args is not None and contains_reference(flow_args):
        raise BadRequest(
            f"The flow runs on behalf of {other}: its arguments can name no variables and resources ($var:, $res:). "
            "Send the values themselves."
        )
    return ActsFor(other, other_email, {"args_of" if flow_args is None else "started_by": email})
