"""The commands that define collections of a document database, from the steps of a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.engine.documents.bson_tree import Tree
from tidemill.engine.documents.pages import read_json
from tidemill.engine.sql.definitions import Step, StepKind
from tidemill.model.errors import BadRequest, Unsupported

ADMIN: Final = "admin"
MOST_NAME_BYTES: Final = 255


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the database server, and where it is sent."""

    database: str
    body: dict[str, Tree]


def steps_of_collections() -> tuple[StepKind, ...]:
    """Those that are known of collections."""
    return tuple(_MAKERS)


def define_collection(step: Step) -> Command:
    """The command of a step.

    Raises:
        BadRequest: something is missing, or no JSON object.
        Unsupported: a document database has no such thing.
    """
    make = _MAKERS.get(step.kind)
    if make is None:
        raise Unsupported(
            f"MongoDB cannot {step.kind.value.replace('_', ' ')}: databases come with their first collection, and "
            "fields with the documents that have them."
        )
    database = _name(step.schema, "schema", step)
    body = make(step)
    return Command(ADMIN if "renameCollection" in body else database, body)


def _name(name: str, what: str, step: Step) -> str:
    if not name or "\0" in name or "$" in name or len(name.encode()) > MOST_NAME_BYTES:
        raise BadRequest(f"{step.kind.value} needs `{what}`, a name of at most {MOST_NAME_BYTES} bytes without $.")
    return name


def _options(step: Step) -> dict[str, Tree]:
    """What the step says in MongoDB's own words; it cannot name another command or collection."""
    if not step.options.strip():
        return {}
    found = read_json(step.options, "options")
    if not isinstance(found, dict):
        raise BadRequest("`options` must be a JSON object, as MongoDB's command takes it.")
    return found


def _create(step: Step) -> dict[str, Tree]:
    return {"create": _name(step.table, "table", step), **_without(_options(step), "create", "viewOn", "pipeline")}


def _drop(step: Step) -> dict[str, Tree]:
    return {"drop": _name(step.table, "table", step)}


def _rename(step: Step) -> dict[str, Tree]:
    old, new = _name(step.table, "table", step), _name(step.to, "to", step)
    return {"renameCollection": f"{step.schema}.{old}", "to": f"{step.schema}.{new}"}


def _add_index(step: Step) -> dict[str, Tree]:
    """By `names`, each up; or as `options` says, whose `key` has every kind that MongoDB knows."""
    options = _options(step)
    key = options.get("key") or dict.fromkeys(step.names, 1)
    if not isinstance(key, dict) or not key:
        raise BadRequest('add_index needs `names`: the fields; or `options` with a `key` such as {"city": -1}.')
    index: dict[str, Tree] = {"key": key, "name": step.name or options.get("name") or _index_name(key)}
    if step.is_unique:
        index["unique"] = True
    index.update(_without(options, "key", "name"))
    return {"createIndexes": _name(step.table, "table", step), "indexes": [index]}


def _index_name(key: Mapping[str, Tree]) -> str:
    """As drivers name them."""
    return "_".join(f"{field}_{direction}" for field, direction in key.items())


def _drop_index(step: Step) -> dict[str, Tree]:
    if not step.name or step.name == "*":
        raise BadRequest("drop_index needs `name`, of one index.")
    return {"dropIndexes": _name(step.table, "table", step), "index": step.name}


def _set_validator(step: Step) -> dict[str, Tree]:
    """`options` as `collMod` takes them; a validator that is empty lets everything in."""
    options = _options(step)
    if unknown := options.keys() - _VALIDATION:
        raise BadRequest(f"set_validator takes {', '.join(_VALIDATION)}, and not {min(unknown)!r}.")
    if not isinstance(options.get("validator"), dict):
        raise BadRequest('set_validator needs `options` with a `validator`, such as {"validator": {"$jsonSchema": …}}.')
    return {"collMod": _name(step.table, "table", step), **options}


def _without(options: Mapping[str, Tree], *names: str) -> dict[str, Tree]:
    return {name: value for name, value in options.items() if name not in names}


_VALIDATION: Final = ("validator", "validationLevel", "validationAction")
_MAKERS: Final[Mapping[StepKind, Callable[[Step], dict[str, Tree]]]] = {
    StepKind.CREATE_TABLE: _create,
    StepKind.DROP_TABLE: _drop,
    StepKind.RENAME_TABLE: _rename,
    StepKind.ADD_INDEX: _add_index,
    StepKind.DROP_INDEX: _drop_index,
    StepKind.SET_VALIDATOR: _set_validator,
}
"""Databases are not dropped here: that takes all of their collections along."""
