"""Follows the imports of workspace scripts and gathers what all of them need together."""

import asyncio
from typing import Final

from tidemill.languages.port import ReadScript, Requirements
from tidemill.languages.requirements import Declared, declared
from tidemill.model.errors import InvalidScript

MAX_MODULES: Final = 200
MAX_MODULES_BYTES: Final = 8 * 1024 * 1024


async def gather(content: str, *, path: str, read: ReadScript) -> Requirements:
    """What the script at `path` needs, with every workspace script that it imports directly or through others.

    Scripts that import each other in a circle are read once. A script that is not there is no error here, for it may
    be deployed later; it is listed in `missing`.

    Raises:
        InvalidScript: one of them cannot be parsed (the message names which), or there are more than 200 or 8 MiB.
    """
    own = await asyncio.to_thread(declared, content, path=path)
    found: dict[str, str] = {}
    missing: list[str] = []
    specifiers, versions = set(own.specifiers), {own.requires_python}
    pending = list(own.imports)
    seen = {path}
    while pending:
        alternatives = pending.pop()
        if any(candidate in seen for candidate in alternatives):
            continue
        module_path, source = await _first(alternatives, read)
        seen.add(module_path)
        if source is None:
            missing.append(module_path)
            continue
        found[module_path] = source
        if len(found) > MAX_MODULES or sum(map(len, found.values())) > MAX_MODULES_BYTES:
            raise InvalidScript(
                f"The script imports more than {MAX_MODULES} workspace scripts, or more than {MAX_MODULES_BYTES} bytes."
            )
        needs = await asyncio.to_thread(_declared_by, source, module_path)
        specifiers.update(needs.specifiers)
        versions.add(needs.requires_python)
        pending.extend(needs.imports)
    return Requirements(
        specifiers=tuple(sorted(specifiers)),
        requires_python=",".join(sorted(versions - {""})),
        modules=found,
        missing=tuple(sorted(missing)),
    )


def _declared_by(source: str, path: str) -> Declared:
    try:
        return declared(source, path=path)
    except InvalidScript as error:
        raise InvalidScript(f"The imported script {path}: {error}") from error


async def _first(alternatives: tuple[str, ...], read: ReadScript) -> tuple[str, str | None]:
    for candidate in alternatives:
        source = await read(candidate)
        if source is not None:
            return candidate, source
    return alternatives[0], None
