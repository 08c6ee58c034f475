"""Handing a new recovery kit to whoever starts Tidemill: on their terminal, or in a file that only they can read."""

import os
import sys
from pathlib import Path
from typing import Final

KIT: Final = "recovery-kit.txt"


def hand_over(kit: str, data_dir: Path) -> str:
    """What to print of `kit`: all of it on a terminal; elsewhere, where output ends in logs, the file that has it."""
    if sys.stderr.isatty():
        return kit
    path = _free(data_dir / KIT)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(kit + "\n")
        file.flush()
        os.fsync(descriptor)
    return (
        f"This is no terminal, so the recovery kit is not shown: it is in {path}, which only its owner may read.\n"
        "Move it to a safe place, away from the database and its backups."
    )


def _free(path: Path) -> Path:
    """`path`, or the same with a number where a kit of an earlier key lies."""
    names = (path if not number else path.with_stem(f"{path.stem}-{number}") for number in range(1000))
    return next(name for name in names if not name.exists())
