"""The documentation hangs together: links lead somewhere, and every page can be found."""

import re
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")


def links(page: Path) -> list[Path]:
    """Where the relative links of a page lead."""
    found = [match[1] for match in LINK.finditer(page.read_text())]
    return [(page.parent / each).resolve() for each in found if "://" not in each and not each.startswith("mailto:")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [str(target.relative_to(ROOT)) for target in links(page) if not target.exists()] == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in links(page):
            waiting += sorted(target.glob("*.md")) if target.is_dir() else [target] if target.suffix == ".md" else []
    assert [str(page.relative_to(ROOT)) for page in PAGES if page not in reached and page.name != "CHANGELOG.md"] == []


def test_decisions_have_numbers_of_their_own() -> None:
    names = sorted(page.name for page in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [number for number, same in groupby(names, lambda name: name[:4]) if len(list(same)) > 1] == []
