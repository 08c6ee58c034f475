"""Pages that are written from the code."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
WRITER = runpy.run_path(str(ROOT / "packaging" / "write_reference.py"))


@pytest.mark.parametrize("name", WRITER["PAGES"])
def test_page_is_what_the_code_says(name: str) -> None:
    assert (ROOT / name).read_text("utf-8") == WRITER["page"](name), "run python packaging/write_reference.py"
