"""What the arguments of a query point to, read before anything is run: resources and objects."""

from dataclasses import dataclass

from tidemill.model import jsontext
from tidemill.model.errors import BadRequest

DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Pointer:
    """An `S3Object`; `storage` "" is the default one."""

    key: str
    storage: str = ""


def named_database(raw: bytes) -> str:
    """The path of the resource that the argument `database` names in arguments as they were sent; "" for none."""
    if b'"database"' not in raw:
        return ""
    given = jsontext.object_fields(raw).get(DATABASE, b"").strip()
    value = jsontext.loads(given) if given.startswith(b'"') else ""
    return value.removeprefix("$res:") if isinstance(value, str) and value.startswith("$res:") else ""


def read_pointer(raw: bytes, *, name: str = "") -> Pointer:
    """The object that a raw JSON value points to: `{"s3": key, "storage": name}` or `"s3://storage/key"`.

    Raises:
        BadRequest: it does not point to one; `name` is that of the argument.
    """
    value = jsontext.loads(raw)
    storage: object = ""
    key: object = ""
    if isinstance(value, str) and value.startswith("s3://"):
        storage, _, key = value.removeprefix("s3://").partition("/")
    elif isinstance(value, dict):
        storage, key = value.get("storage") or "", value.get("s3")
    if not isinstance(storage, str) or not isinstance(key, str) or not key:
        raise BadRequest(f'The argument {name} must point to an object: {{"s3": "folder/name.csv"}}.')
    return Pointer(key, "" if storage == "_default_" else storage)


def written_pointer(pointer: Pointer) -> bytes:
    """Its JSON."""
    where = {"storage": jsontext.dumps(pointer.storage)} if pointer.storage else {}
    return jsontext.build_object({"s3": jsontext.dumps(pointer.key), **where})
