"""A workspace of query runners in memory: its resources by path, the objects that were written, what was touched."""

import json
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from tidemill.model.errors import InterpolationFailed
from tidemill.queries.port import Opened, Query, QueryRunner


@dataclass
class QueryHost:
    """A `Host`; an object is there only once all of it was written."""

    resources: dict[str, Any] = field(default_factory=dict)
    identity: str = "main/u/alice"
    objects: dict[str, bytes] = field(default_factory=dict)
    touches: list[tuple[str, str, bool]] = field(default_factory=list)

    async def resource(self, path: str) -> Opened:
        if path not in self.resources:
            raise InterpolationFailed(f"There is no resource at {path}.")
        return Opened(resource_type="any", value=json.dumps(self.resources[path]).encode())

    async def upload(self, chunks: AsyncIterable[bytes], *, key: str, storage: str, content_type: str) -> bytes:
        content = b"".join([chunk async for chunk in chunks])
        self.objects[key] = content
        return json.dumps({"s3": key, **({"storage": storage} if storage else {})}).encode()

    async def download(self, pointer: bytes) -> AsyncIterator[bytes]:
        content = self.objects[json.loads(pointer)["s3"]]
        for start in range(0, len(content), 7):
            yield content[start : start + 7]

    async def log(self, text: str) -> None:
        raise AssertionError("nothing is to be told")

    async def touched(self, kind: str, address: str, *, is_write: bool) -> None:
        self.touches.append((kind, address, is_write))


@dataclass
class Runs:
    """Runs scripts in one language, as one identity."""

    language: str
    runner: QueryRunner
    host: QueryHost
    max_result_bytes: int = 10_000_000
    timeout_s: float = 20.0

    async def raw(self, content: str, args: dict[str, Any] | bytes | None = None, **options: Any) -> bytes:
        """The result as it is written."""
        query = Query(
            language=self.language,
            content=content,
            path=options.pop("path", "f/team/script"),
            args=args if isinstance(args, bytes) else json.dumps(args or {}).encode(),
            job_id=options.pop("job_id", ""),
            timeout_s=options.pop("timeout_s", self.timeout_s),
            max_result_bytes=options.pop("max_result_bytes", self.max_result_bytes),
            **options,
        )
        return await self.runner.run(query, self.host)

    async def __call__(self, content: str, args: dict[str, Any] | bytes | None = None, **options: Any) -> Any:
        """What the result says."""
        return json.loads(await self.raw(content, args, **options))
