"""Tags and access lists of objects."""

from http import HTTPStatus

from tidemill.engine.s3_faults import S3Fault
from tidemill.server.s3 import xml
from tidemill.server.s3.answers import Answer, document, nothing
from tidemill.server.s3.attributes import check_tags, tags_of, with_tags
from tidemill.server.s3.body import read_small
from tidemill.server.s3.call import Call
from tidemill.server.s3.listings import shown_owner
from tidemill.stores.objects.port import NO_ATTRIBUTES, Condition


async def get_tags(call: Call) -> Answer:
    """The tags of an object."""
    info = await call.objects.head(call.caller, call.at)
    tags = tags_of(info.attributes or NO_ATTRIBUTES)
    shown = (xml.element("Tag", xml.text("Key", name), xml.text("Value", value)) for name, value in tags.items())
    return document("Tagging", xml.element("TagSet", *shown))


async def put_tags(call: Call) -> Answer:
    """Give an object other tags."""
    wanted = xml.read(await read_small(call.body), "Tagging")
    sets = list(wanted.all("TagSet"))
    if len(sets) != 1:
        raise S3Fault("MalformedXML", "A Tagging has one TagSet.")
    await _replace(call, check_tags([(tag.value("Key"), tag.value("Value")) for tag in sets[0].all("Tag")]))
    return nothing()


async def delete_tags(call: Call) -> Answer:
    """Take all tags from an object."""
    await _replace(call, {})
    return nothing(status=HTTPStatus.NO_CONTENT)


async def _replace(call: Call, tags: dict[str, str]) -> None:
    """Tags lie beside the bytes: the object is copied onto itself, unless it was written meanwhile."""
    info = await call.objects.head(call.caller, call.at)
    attributes = with_tags(info.attributes or NO_ATTRIBUTES, tags)
    await call.objects.copy(call.caller, call.at, call.at, attributes=attributes, condition=Condition(etag=info.etag))


async def get_acl(call: Call) -> Answer:
    """The one access list that there is: private. Who may do what is told by the rules of the storage."""
    if call.request.key:
        await call.objects.head(call.caller, call.at)
    else:
        async with call.objects.storage(call.caller, call.at):
            pass
    grantee = (
        '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
        f"{xml.text('ID', call.caller.workspace)}</Grantee>"
    )
    grant = xml.element("Grant", grantee, xml.text("Permission", "FULL_CONTROL"))
    return document("AccessControlPolicy", shown_owner(call), xml.element("AccessControlList", grant))
