"""XML as S3 sends and takes it: written with everything escaped, read without document types and entities."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from tidemill.engine.s3_faults import S3Fault

MAX_BYTES: Final = 4 * 1024 * 1024
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_MAX_DEPTH: Final = 8
_ESCAPED: Final = re.compile(r'[&<>"\x00-\x1f\x7f-\x9f\ufffe\uffff]')
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def document(root: str, *content: str, namespace: bool = True) -> bytes:
    """A whole document; `content` is XML already."""
    declared = f' xmlns="{_NAMESPACE}"' if namespace else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{declared}>{"".join(content)}</{root}>'.encode()


def element(name: str, *content: str) -> str:
    """An element of XML."""
    return f"<{name}>{''.join(content)}</{name}>"


def text(name: str, value: object) -> str:
    """An element with a text."""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{name}>{escaped(shown)}</{name}>"


def escaped(value: str) -> str:
    """A text between two tags."""
    return _ESCAPED.sub(_escape, value)


def _escape(match: re.Match[str]) -> str:
    """Characters that XML 1.0 does not know are written as references all the same: so does Amazon."""
    character = match[0]
    return _NAMED.get(character) or f"&#{ord(character)};"


@dataclass(slots=True)
class Element:
    """An element that was read; names are without their namespace."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, name: str) -> Iterable["Element"]:
        """The children of this name."""
        return (child for child in self.children if child.name == name)

    def value(self, name: str) -> str:
        """The text of the only child of this name, "" where there is none.

        Raises:
            S3Fault: there are more.
        """
        found = [child.text for child in self.all(name)]
        if len(found) > 1:
            raise S3Fault("MalformedXML", f"There is more than one {name} in {self.name}.")
        return found[0] if found else ""


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        made = Element(name.rpartition(" ")[2])
        if self._open:
            self._open[-1].children.append(made)
        else:
            self.root = made
        self._open.append(made)
        if len(self._open) > _MAX_DEPTH:
            raise S3Fault("MalformedXML", "The XML is nested too deeply.")

    def end(self, _name: str) -> None:
        self._open.pop()

    def data(self, data: str) -> None:
        self._open[-1].text += data

    def refuse(self, *_arguments: object) -> None:
        raise S3Fault("MalformedXML", "The XML declares a document type or an entity.")


def read(raw: bytes, root: str) -> Element:
    """The document in `raw`, whose root is named `root`.

    Raises:
        S3Fault: it is not one, or has a document type.
    """
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.EntityDeclHandler = builder.refuse
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, LookupError) as error:  # LookupError: an encoding that there is not
        raise S3Fault("MalformedXML") from error
    if builder.root is None or builder.root.name != root:
        raise S3Fault("MalformedXML", f"The XML must be a {root}.")
    return builder.root
