"""Reads the XML that servers answer with."""

from xml.etree import ElementTree

from tidemill.model.errors import StorageMisconfigured


def parse(body: bytes) -> ElementTree.Element:
    """Without namespaces. Types of documents are refused, so that nothing is expanded.

    Raises:
        StorageMisconfigured: it is no XML.
    """
    if b"<!DOCTYPE" in body:
        raise StorageMisconfigured(
            "The storage answers with a page and not with S3: is endPoint that of its S3 service?"
        )
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - no DTD gets here, so there are no entities
    except ElementTree.ParseError as error:
        raise StorageMisconfigured("The storage does not answer in XML: is endPoint that of its S3 service?") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root
