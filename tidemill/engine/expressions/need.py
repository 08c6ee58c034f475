"""What an expression needs to know before it can be evaluated, and what it is that was given."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

Key: TypeAlias = str | int

ROOTS: Final = frozenset({
    "all_iters", "approvers", "error", "flow_env", "flow_input", "params", "previous_result", "result", "results",
    "resume", "resumes",
})  # fmt: skip
"""The names that an expression may use without declaring them, beside those of JavaScript itself."""


class NeedKind(StrEnum):
    """Where a value comes from."""

    ROOT = "root"
    """One of `ROOTS`. That of `results` is an object of the results of all steps so far."""
    RESULT = "result"
    """The result of one step, by its id."""
    VARIABLE = "variable"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Need:
    """A value that an expression touches.

    Attributes:
        name: of the root, id of the step, or path.
        path: the part of it that is enough, as keys and indices; () for all of it.
    """

    kind: NeedKind
    name: str
    path: tuple[Key, ...] = ()

    @property
    def whole(self) -> "Need":
        """The same without the narrowing: an answer to it is an answer to this one too."""
        return Need(self.kind, self.name)

    def __str__(self) -> str:
        match self.kind:
            case NeedKind.ROOT:
                return self.name + _chain(self.path)
            case NeedKind.RESULT:
                return "results" + _chain((self.name, *self.path))
            case NeedKind.VARIABLE | NeedKind.RESOURCE:
                return f"{self.kind}({self.name!r})"


@dataclass(frozen=True, slots=True)
class Needs:
    """The answer of an evaluation that cannot go on: call it again when these are known too.

    `entire`: each as it is, and not as `Large`.
    """

    wanted: frozenset[Need]
    entire: bool = False


@dataclass(frozen=True, slots=True)
class Large:
    """A container that is handed over in parts."""

    is_array: bool


def _chain(path: tuple[Key, ...]) -> str:
    return "".join(f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]" for key in path)
