"""Looks up a class by name and imports it when it is first used, so that an unused backend costs nothing."""

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from tidemill.model.errors import BadRequest, MissingExtra


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an implementation lives. `target` is `module:Class`; `extra` is the package extra that it needs, if any."""

    target: str
    extra: str = ""

    def load(self) -> type[object]:
        """The class itself.

        Raises:
            MissingExtra: its vendor's library is not installed.
        """
        try:
            return _imported(self.target)
        except ModuleNotFoundError as error:
            if not self.extra or (error.name or "").startswith("tidemill"):
                raise
            raise MissingExtra(f"{error.name} is not installed: run pip install 'tidemill[{self.extra}]'.") from error


@cache
def _imported(target: str) -> type[object]:
    module_name, _, class_name = target.partition(":")
    found = getattr(import_module(module_name), class_name)
    assert isinstance(found, type)
    return found


def lookup(table: dict[str, Entry], kind: str, name: str) -> type[object]:
    """The class called `name` in `table`.

    Raises:
        BadRequest: there is none; the message lists what there is.
        MissingExtra: its library is not installed.
    """
    if name not in table:
        raise BadRequest(f"There is no {kind} called {name!r}; there are: {', '.join(sorted(table))}.")
    return table[name].load()
