"""Lists a bucket of Google Cloud Storage, in pages of its own as many as it takes."""

from typing import Any

from tidemill.stores.objects.checks import check_limit, check_text
from tidemill.stores.objects.folding import LAST, skipped_folder
from tidemill.stores.objects.gcs.client import GcsClient, Query
from tidemill.stores.objects.port import PAGE, Folder, ObjectInfo
from tidemill.stores.objects.remote.hidden import is_visible
from tidemill.stores.objects.remote.pages import Page, below, in_order, is_after

_FIELDS = "prefixes,nextPageToken,items(name,size,updated,generation)"


async def scan(client: GcsClient, prefix: str, *, delimiter: str, after: str, limit: int) -> list[ObjectInfo | Folder]:
    """See `ObjectStore.scan_folder`; with the delimiter "" nothing is folded."""
    check_limit(limit)
    check_text(prefix + after)
    place = after if skipped_folder(after, prefix, delimiter) is None else after + LAST
    root = client.config.prefix
    most = PAGE if delimiter else limit  # asked for fewer, fake-gcs-server gives folders out of their order
    query = [("maxResults", str(most)), ("fields", _FIELDS)]
    query += [("prefix", root + prefix)] if root + prefix else []
    query += [("delimiter", delimiter)] if delimiter else []
    query += [("startOffset", root + place)] if place else []  # which is listed itself
    found: list[ObjectInfo | Folder] = []
    token = ""
    while True:
        page = await _page(client, [*query, ("pageToken", token)] if token else query)
        found += [entry for entry in in_order(page) if is_after(entry, after) and is_visible(entry)]
        token = page.token
        if not token or len(found) >= limit:
            return found[:limit]


async def _page(client: GcsClient, query: Query) -> Page:
    told: Any = await client.list_page(query)
    folders = [Folder(str(prefix)) for prefix in told.get("prefixes", [])]
    objects = [client.read(item) for item in told.get("items", [])]
    return Page(objects, below(Page([], folders, ""), client.config.prefix).folders, told.get("nextPageToken", ""))
