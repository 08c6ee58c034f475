"""Lists a bucket of S3, in pages of its own as many as it takes."""

from typing import Final

from tidemill.stores.objects.checks import check_limit, check_text
from tidemill.stores.objects.folding import LAST, skipped_folder
from tidemill.stores.objects.port import MAX_KEY_BYTES, Folder, ObjectInfo, Told
from tidemill.stores.objects.remote.pages import Page, below, in_order, is_after
from tidemill.stores.objects.s3.client import S3Client
from tidemill.stores.objects.s3.xml import parse_listing

_WHAT: Final = "list objects"


async def scan(client: S3Client, prefix: str, *, delimiter: str, after: str, limit: int) -> list[ObjectInfo | Folder]:
    """See `ObjectStore.scan_folder`; with the delimiter "" nothing is folded."""
    check_limit(limit)
    check_text(prefix + after)
    place = after if skipped_folder(after, prefix, delimiter) is None else _behind(after)
    found: list[ObjectInfo | Folder] = []
    token = ""
    while True:
        page = await _list(client, prefix, delimiter=delimiter, after=place, limit=limit - len(found), token=token)
        found += [entry for entry in in_order(page) if is_after(entry, after)]
        token = page.token
        if not token or len(found) >= limit:
            return Told(found) if token else found


async def _list(client: S3Client, prefix: str, *, delimiter: str, after: str, limit: int, token: str) -> Page:
    root = client.config.prefix
    query = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", str(limit))]
    query += [("prefix", root + prefix)] if root + prefix else []
    query += [("delimiter", delimiter)] if delimiter else []
    query += [("start-after", root + after)] if after else []
    query += [("continuation-token", token)] if token else []
    answer = await client.call("GET", None, what=_WHAT, query=query)
    return below(parse_listing(answer.body), root)


def _behind(folder: str) -> str:
    """A place in a listing behind all keys of a folder, where there is room for it."""
    return folder + LAST if len((folder + LAST).encode()) <= MAX_KEY_BYTES else folder
