"""Lists a container. Azure goes on from markers only, and never from a key: those that it gave are remembered."""

from collections import OrderedDict
from typing import Final
from urllib.parse import unquote
from xml.etree import ElementTree

from tidemill.stores.objects.azure.client import AzureClient
from tidemill.stores.objects.checks import check_limit, check_text
from tidemill.stores.objects.port import PAGE, Folder, ObjectInfo
from tidemill.stores.objects.remote.headers import read_time
from tidemill.stores.objects.remote.hidden import is_visible
from tidemill.stores.objects.remote.pages import Page, below, in_order, is_after, name_of
from tidemill.stores.objects.remote.xml import parse

_REMEMBERED: Final = 1000


class Listings:
    """Pages of one container.

    Who asks for one page after the other costs one request each. A page after a key that this process has not come by
    is found by reading from the start.
    """

    def __init__(self, client: AzureClient) -> None:
        self._client = client
        self._markers: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    async def scan(self, prefix: str, *, delimiter: str, after: str, limit: int) -> list[ObjectInfo | Folder]:
        """See `ObjectStore.scan_folder`; with the delimiter "" nothing is folded."""
        check_limit(limit)
        check_text(prefix + after)
        marker = self._markers.get((prefix, delimiter, after), "")
        found: list[ObjectInfo | Folder] = []
        while True:
            page = await self._page(prefix, delimiter, marker)
            found += [entry for entry in in_order(page) if is_visible(entry) and await self._is_behind(entry, after)]
            if len(found) >= limit:
                last = name_of(found[limit - 1])
                is_page_done = len(found) == limit and page.token
                self._remember((prefix, delimiter, last), page.token if is_page_done else marker)
                return found[:limit]
            if not page.token:
                return found
            marker = page.token

    async def _is_behind(self, entry: ObjectInfo | Folder, after: str) -> bool:
        """A folder that `after` lies in counts where it holds something behind it."""
        if isinstance(entry, Folder) and is_after(entry, after) and entry.prefix < after:
            return bool(await self.scan(entry.prefix, delimiter="", after=after, limit=1))
        return is_after(entry, after)

    def _remember(self, place: tuple[str, str, str], marker: str) -> None:
        """The marker of a page that holds what comes behind `place`."""
        self._markers[place] = marker
        if len(self._markers) > _REMEMBERED:
            self._markers.popitem(last=False)

    async def _page(self, prefix: str, delimiter: str, marker: str) -> Page:
        root = self._client.config.prefix
        query = [("restype", "container"), ("comp", "list"), ("maxresults", str(PAGE))]
        query += [("prefix", root + prefix)] if root + prefix else []
        query += [("delimiter", delimiter)] if delimiter else []
        query += [("marker", marker)] if marker else []
        answer = await self._client.call("GET", None, what="list objects", query=query)
        return below(_parse(answer.body), root)


def _parse(body: bytes) -> Page:
    root = parse(body)
    objects = [
        ObjectInfo(
            key=_name(blob),
            size_bytes=int(blob.findtext("Properties/Content-Length", "0")),
            modified_at=read_time(blob.findtext("Properties/Last-Modified", "")),
            etag=blob.findtext("Properties/Etag", "").strip('"'),
        )
        for blob in root.iterfind("Blobs/Blob")
    ]
    folders = [Folder(_name(prefix)) for prefix in root.iterfind("Blobs/BlobPrefix")]
    return Page(objects, folders, root.findtext("NextMarker", ""))


def _name(entry: ElementTree.Element) -> str:
    """Percent-encoded where XML cannot carry it."""
    name = entry.find("Name")
    if name is None:
        return ""
    return unquote(name.text or "") if name.get("Encoded") == "true" else name.text or ""
