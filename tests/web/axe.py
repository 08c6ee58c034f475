"""Checks a page for what WCAG 2 AA asks and a program can see, with axe-core."""

from pathlib import Path

from playwright.async_api import Page

AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""The page has answered to what the system changed."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


async def assert_accessible(page: Page) -> None:
    """Nothing that axe knows is wrong with it, in either colour."""
    await page.evaluate(AXE.read_text())
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        await page.evaluate(SETTLED)
        found = await page.evaluate("(tags) => axe.run({runOnly: {type: 'tag', values: tags}})", RULES)
        faults = [
            f"{scheme}: {each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for each in found["violations"]
            for node in each["nodes"]
        ]
        assert faults == [], "\n".join(faults)
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
