"""A flow that is repeated as a whole: one step that runs it, with a policy for repeats."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tidemill.model import jsontext

STEP_ID: Final = "a"


def single_step(path: str, *, arguments: Iterable[str], retry: bytes) -> bytes:
    """The OpenFlow value that runs the flow at `path` and repeats it as `retry` (JSON text) says.

    `arguments` are the names of those that it is given.
    """
    inputs = {name: b'{"type":"javascript","expr":%s}' % jsontext.dumps(_argument(name)) for name in arguments}
    transforms = jsontext.build_object(inputs)
    value = b'{"type":"flow","path":%s,"input_transforms":%s}' % (jsontext.dumps(path), transforms)
    return b'{"modules":[{"id":"%s","value":%s,"retry":%s}]}' % (STEP_ID.encode(), value, retry)


def around_step(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the flow that are those of the whole: not the limit, under which each try comes by itself."""
    return {name: value for name, value in settings.items() if name != "concurrent_limit"}


def _argument(name: str) -> str:
    return (
        f"flow_input.{name}"
        if name.isascii() and name.isidentifier()
        else f"flow_input[{jsontext.dumps(name).decode()}]"
    )
