"""Listings of S3 as servers write them: what is read quickly is what the parser reads."""

from datetime import UTC, datetime

import pytest

from tidemill.model.errors import StorageMisconfigured
from tidemill.stores.objects.port import Folder, ObjectInfo
from tidemill.stores.objects.s3 import xml

MOMENT = datetime(2026, 11, 27, 15, 0, 1, 123000, UTC)
OBJECTS = [
    ObjectInfo(key="a b/\u00fc+.txt", size_bytes=0, modified_at=MOMENT, etag="d41d8cd98f00b204e9800998ecf8427e"),
    ObjectInfo(key="c", size_bytes=5 * 2**40, modified_at=MOMENT, etag="abc-12"),
]
OWNER = "<Owner><ID>x</ID><DisplayName>&lt;Contents&gt; &amp; x</DisplayName></Owner>"
AMAZON = "<Key>{}</Key><LastModified>2026-11-27T15:00:01.123Z</LastModified><ETag>&quot;{}&quot;</ETag>" + (
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
    "<Size>{}</Size><StorageClass>STANDARD</StorageClass>"
)
CEPH = (
    '<Key>{}</Key><LastModified>2026-11-27T15:00:01.123Z</LastModified><ETag>"{}"</ETag><Size>{}</Size>'
    f"<StorageClass>STANDARD</StorageClass>{OWNER}<Type>Normal</Type>"
)
OTHER_ORDER = (
    "<Size>{2}</Size>\n<ETag>&#x22;{1}&#x22;</ETag><LastModified>2026-11-27T16:00:01.123+01:00</LastModified>"
    + ("<!-- none --><Key>{0}</Key>")
)
SPACED = "\n  <Key>{}</Key>\n  <LastModified>2026-11-27T15:00:01.123Z</LastModified>\n<ETag>{}</ETag><Size>{}</Size>\n"


def listing(entry: str, *, encoded: bool = True) -> bytes:
    """Two objects and a folder, the first page of several."""
    keys = ("a+b/%C3%BC%2B.txt", "c") if encoded else ("a b/\u00fc+.txt", "c")
    entries = [
        f"<Contents>{entry.format(key, each.etag, each.size_bytes)}</Contents>"
        for key, each in zip(keys, OBJECTS, strict=True)
    ]
    folder = (
        "<CommonPrefixes><Prefix>f%2F</Prefix></CommonPrefixes>"
        if encoded
        else ("<CommonPrefixes><Prefix>f/</Prefix></CommonPrefixes>")
    )
    encoding = "<EncodingType>url</EncodingType>" if encoded else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>b</Name><Prefix></Prefix>{entries[0]}{folder}{entries[1]}<IsTruncated>true</IsTruncated>{encoding}"
        "<NextContinuationToken>t&amp;t</NextContinuationToken></ListBucketResult>"
    ).encode()


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("entry", [AMAZON, CEPH, OTHER_ORDER, SPACED])
def test_all_forms_are_read_alike(entry: str, *, encoded: bool) -> None:
    page = xml.parse_listing(listing(entry, encoded=encoded))
    assert sorted(page.objects, key=lambda each: each.key) == OBJECTS
    assert (page.folders, page.token) == ([Folder("f/")], "t&t")


def test_names_with_a_prefix_are_read() -> None:
    body = listing(AMAZON).decode()
    head, start, rest = body.partition("<ListBucketResult xmlns=")
    body = (
        head + "<s:ListBucketResult xmlns:s=" + rest.replace("</", "</s:").replace("<", "<s:").replace("<s:/s:", "</s:")
    )
    assert start
    assert xml.parse_listing(body.encode()).objects == OBJECTS


@pytest.mark.parametrize(("entry", "is_quick"), [(AMAZON, True), (CEPH, True), (OTHER_ORDER, False), (SPACED, False)])
def test_the_usual_forms_need_no_parser(entry: str, *, is_quick: bool) -> None:
    objects, rest = xml._take_objects(listing(entry))
    assert objects == (OBJECTS if is_quick else [])
    assert (b"<Contents>" in rest) is not is_quick


@pytest.mark.parametrize("cut", ["</Contents>", "</ListBucketResult>"])
def test_half_a_listing_is_none(cut: str) -> None:
    with pytest.raises(StorageMisconfigured):
        xml.parse_listing(listing(AMAZON).decode().rpartition(cut)[0].encode())
