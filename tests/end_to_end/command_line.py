"""Windmill's command line `wmill`, as its users have it: in a folder of files, for one workspace."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.end_to_end.running import PROGRAM_TIMEOUT_S, VENVS, Tidemill

PROGRAM = VENVS / "node" / "node_modules" / "windmill-cli" / "esm" / "main.js"
SETTINGS = """\
defaultTs: bun
includes:
  - "**"
excludes: []
skipSecrets: false
nonDottedPaths: true
syncBehavior: v1
"""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
OF_ITS_OWN = frozenset({"wmill.yaml", "wmill-lock.yaml"})
ALL = ("--include-schedules", "--include-users", "--include-groups", "--include-settings")


@dataclass(kw_only=True)
class CommandLine:
    """`folder` is where the files are; `token` is whose rights it has."""

    node: str
    tidemill: Tidemill
    folder: Path
    workspace: str
    token: str

    def __post_init__(self) -> None:
        assert PROGRAM.exists(), f"{PROGRAM} is missing: run python tests/prepare.py"
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "wmill.yaml").write_text(SETTINGS)

    def run(self, *arguments: str, fails: bool = False) -> str:
        """What a command says; it must succeed, or else fail."""
        at = ["--base-url", self.tidemill.url, "--token", self.token, "--workspace", self.workspace]
        environment = {"HOME": str(self.folder.parent), "PATH": os.environ["PATH"], "NO_COLOR": "1"}
        done = subprocess.run(
            [self.node, str(PROGRAM), *arguments, *at],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PROGRAM_TIMEOUT_S,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout
        return COLOURS.sub("", done.stdout)

    def plan(self, direction: str, *flags: str) -> set[tuple[str, str]]:
        """(change, file): what a pull or push would do."""
        said = self.run("sync", direction, "--dry-run", "--json-output", *flags)
        told: dict[str, Any] = json.loads(said[said.index("{\n") : said.rindex("}") + 1])
        assert told["success"] is True
        assert told["total"] == len(told["changes"])
        return {(each["type"], each["path"]) for each in told["changes"]}

    def files(self) -> dict[str, str]:
        """All files but those that are the command line's own."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes().decode()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and path.name not in OF_ITS_OWN
        }
