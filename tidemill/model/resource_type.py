"""Resource types: the catalogue that is shipped with Tidemill, and what is asked of types that users make."""

import functools
import importlib.resources
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tidemill.model.connection_url import recognise_url
from tidemill.model.schema_check import check_schema
from tidemill.model.value_check import validate_value

__all__ = [
    "CatalogueType",
    "catalogue",
    "check_schema",
    "recognise_url",
    "secret_fields",
    "unknown_fields",
    "validate_value",
]


@dataclass(frozen=True, slots=True)
class CatalogueType:
    """One resource type of the catalogue.

    Attributes:
        name: as scripts write it: `postgresql`.
        display_name: as people read it: `PostgreSQL`.
        description: Markdown.
        category: `database`, `object_storage`, `messaging`, `ai`, `productivity`, `crm`, `finance`, `dev`, `cloud`, or
            `internal` for what the product keeps for itself, such as states.
        url_schemes: schemes of the URLs that `recognise_url` reads as this type.
        schema: JSON Schema 2020-12 with `order` (how fields are shown). A field with `"password": true` is a secret.
            Shared by all callers: not to be changed.
        format_extension: of a type that is one text file in the field `content`, the file's extension; else None.
        is_fileset: the value is a set of files.
    """

    name: str
    display_name: str
    description: str
    category: str
    url_schemes: tuple[str, ...]
    schema: Mapping[str, object]
    format_extension: str | None = None
    is_fileset: bool = False


@functools.cache
def catalogue() -> Mapping[str, CatalogueType]:
    """All types that are shipped, by name, in order of name. Read on first use (about 10 ms), then kept."""
    folder = importlib.resources.files("tidemill.model") / "catalogue" / "resource_types"
    texts = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".json")}
    read = [_read(json.loads(texts[name])) for name in sorted(texts)]
    return MappingProxyType({found.name: found for found in read})


def unknown_fields(type_name: str, value: Mapping[str, object]) -> tuple[str, ...]:
    """Names of fields that mean nothing to a type of the catalogue, sorted; () for types that are not in it."""
    known = catalogue().get(type_name)
    properties = known.schema.get("properties", {}) if known else value
    assert isinstance(properties, Mapping)
    return tuple(sorted(set(value) - set(properties)))


def _read(raw: dict[str, object]) -> CatalogueType:
    schema, schemes, extension = raw["schema"], raw["url_schemes"], raw.get("format_extension")
    assert isinstance(schema, dict)
    assert isinstance(schemes, list)
    return CatalogueType(
        name=str(raw["name"]),
        display_name=str(raw["display_name"]),
        description=str(raw["description"]),
        category=str(raw["category"]),
        url_schemes=tuple(map(str, schemes)),
        schema=MappingProxyType(schema),
        format_extension=None if extension is None else str(extension),
        is_fileset=bool(raw.get("is_fileset", False)),
    )


def secret_fields(schema: Mapping[str, object]) -> list[str]:
    """Dotted places of the fields marked as secret, in their order: `password`, `credential.password`, `keys[].key`."""
    return list(_secrets(schema, place=""))


def _secrets(schema: object, *, place: str) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        return
    if schema.get("password") is True:
        yield place
        return
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        yield from _secrets(inner, place=f"{place}.{name}" if place else name)
    yield from _secrets(schema.get("items"), place=f"{place}[]")
    forms = schema.get("oneOf")
    seen = {found: None for form in (forms if isinstance(forms, list) else ()) for found in _secrets(form, place=place)}
    yield from seen
