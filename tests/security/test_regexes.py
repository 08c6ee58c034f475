"""C15: no regular expression of our own takes more than a fixed multiple of the time for looking at its input once.

Each is tried on what is hard for it (see `regexes.py`), in a process of its own, since one that does not come back
holds up everything. `TIDEMILL_SOAK=1` tries 100,000 characters instead of 20,000.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability.harness import SOAK
from tests.security.regexes import SIZES, Found, found_in, too_slow

ROOT = Path(__file__).resolve().parents[2]
BOUNDED = {
    "tidemill/engine/expressions/javascript.py": "its process is ended when it has used up its processor time",
}
"""Where another bound holds, and which."""


def test_none_is_slow_on_any_input() -> None:
    command = [sys.executable, "-m", "tests.security.regexes", *(["full"] if SOAK else [])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    assert lines[-1] == {"done": True}, f"did not come back: {lines[-1]}\n{done.stderr}"
    slow = [line["slow"] for line in lines if "slow" in line]
    assert [each for each in slow if not each.startswith(tuple(BOUNDED))] == []


def test_all_of_them_are_found() -> None:
    """Those that are named, those that are not, and those whose text is put together elsewhere."""
    found = found_in()
    texts = [path.read_text() for path in (ROOT / "tidemill").rglob("*.py")]
    assert len(found) >= 0.95 * sum(len(re.findall(r"\bre\.compile\(", text)) for text in texts)
    assert {"compile", "fullmatch"} & {method for each in found for method in each.methods}


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"(a+)+b", "match"),
        (r"(?:a|a)*b", "fullmatch"),
        (r"\s+$", "search"),
        (r"\d+\.?\d*", "fullmatch"),
        (r'"(?:[^"\\]|\\.)*"', "finditer"),
        (rb"(\w*)-(\w*)-", "search"),
    ],
)
def test_slow_ones_are_noticed(pattern: str, method: str) -> None:
    """The negative control."""
    assert too_slow(Found("", pattern, 0, (method,)), SIZES)


@pytest.mark.parametrize(
    ("pattern", "method"), [(r"(a++)+b", "match"), (r"(?<!\s)\s++$", "search"), (r"\d+(?:\.\d*)?", "fullmatch")]
)
def test_linear_ones_are_not(pattern: str, method: str) -> None:
    assert not too_slow(Found("", pattern, 0, (method,)), SIZES)
