"""Reads the XML that servers answer with."""

from xml.etree import ElementTree

from tidemill.model.errors import StorageMisconfigured


def parse(body: bytes) -> ElementTree.Element:
    """As `parse_qualified`, with the namespaces taken off."""
    root = parse_qualified(body)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def parse_qualified(body: bytes) -> ElementTree.Element:
    """The root, with its namespace. Types of documents are refused, so that nothing is expanded.

    Raises:
        StorageMisconfigured: it is no XML.
    """
    if b"<!DOCTYPE" in body:
        raise StorageMisconfigured(
            "The storage answers with a page and not with S3: is endPoint that of its S3 service?"
        )
    try:
        return ElementTree.fromstring(body)  # noqa: S314 - no DTD gets here, so there are no entities
    except ElementTree.ParseError as error:
        raise StorageMisconfigured("The storage does not answer in XML: is endPoint that of its S3 service?") from error
