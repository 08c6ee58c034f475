"""Forms as bodies: `application/x-www-form-urlencoded` and `multipart/form-data` (RFC 7578), parsed whole."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from tidemill.model.errors import BadRequest

MAX_FIELDS: Final = 1000
_HEADERS_END: Final = b"\r\n\r\n"
_PARAMETER: Final = re.compile(r';([^=;"]*+)(?:=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^;"]*+)))?[^;]*+', re.DOTALL)
"""One parameter of a header and all up to the next. Nothing in it is tried twice, however odd the header is."""
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. A file has a `filename` (which may be ""); other fields have None there."""

    name: str
    value: bytes
    filename: str | None = None


def parse_urlencoded(body: bytes) -> list[Field]:
    """The fields, in their order.

    Raises:
        BadRequest: it is not UTF-8 text, or has too many fields.
    """
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise BadRequest(f"The body is not a form: {error}.") from error
    return [Field(name, value.encode()) for name, value in pairs]


def parse_multipart(content_type: str, body: bytes) -> list[Field]:
    """The parts, in their order.

    Raises:
        BadRequest: the boundary is missing, a part has no name, it ends before its last boundary.
    """
    boundary = _parameter(content_type, "boundary")
    if not boundary:
        raise BadRequest("The header Content-Type of a multipart body must name its boundary.")
    marker = b"\r\n--" + boundary.encode("latin-1", "replace")
    sections = (b"\r\n" + body).split(marker, MAX_FIELDS + 2)  # not more: a body may hold millions of boundaries
    if len(sections) - 2 > MAX_FIELDS:
        raise BadRequest(f"The form has more than {MAX_FIELDS} fields.")
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise BadRequest("The multipart body has no end: its last boundary is missing.")
    return [_part(section) for section in sections[1:-1]]


def _part(section: bytes) -> Field:
    """One part. What may stand between a boundary and the end of its line is blanks."""
    _, _, rest = section.partition(b"\r\n")
    head, blank, value = (b"\r\n" + rest).partition(_HEADERS_END)
    disposition = ""
    for line in head.decode("utf-8", "replace").split("\r\n"):
        key, _, text = line.partition(":")
        if key.strip().lower() == "content-disposition":
            disposition = text.strip()
    name = _parameter(disposition, "name")
    if not blank or name is None:
        raise BadRequest('A part of the multipart body has no name: send Content-Disposition: form-data; name="…".')
    return Field(name, value, _parameter(disposition, "filename"))


def _parameter(header: str, name: str) -> str | None:
    """A parameter of a header such as `form-data; name="a"`; None where it is missing."""
    position = header.find(";")
    while found := _PARAMETER.match(header, position) if 0 <= position < len(header) else None:
        key, quoted, plain = found.groups()
        if key.strip().lower() == name and quoted is not None:
            return _ESCAPED.sub(r"\1", quoted)
        if key.strip().lower() == name and plain is not None:
            return str(plain).strip()
        position = found.end()
    return None
