"""`python -m tests.web.pictures`: the pictures of README.md and the guides, from the screenshots that the tests made.

Run the tests of the browser first. Chromium makes them smaller; what a test did not make is told and left as it is.
"""

import base64
import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

ROOT: Final = Path(__file__).resolve().parents[2]
SCREENSHOTS: Final = ROOT / "web" / "screenshots"
IMAGES: Final = ROOT / "docs" / "images"
WIDTH: Final = 1280
QUALITY: Final = 0.82
PICTURES: Final = {
    "start-page": "home-light",
    "web-resource": "resource-light",
    "web-database": "database-light",
    "web-storage": "storage-table-light",
    "web-console": "database-console-dark",
    "web-flow-editor": "flow-editor-light",
    "web-flow-run": "flow-run-light",
}
"""Name of the picture -> the screenshot that it is made of."""

_SMALLER: Final = """async ([source, width, quality]) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = Math.min(width, image.width);
    canvas.height = Math.round((image.height * canvas.width) / image.width);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/webp", quality);
}"""


def main() -> int:
    """The exit status: 1 where a screenshot is missing."""
    missing = [shot for shot in PICTURES.values() if not (SCREENSHOTS / f"{shot}.png").is_file()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        for name, shot in PICTURES.items():
            if shot in missing:
                continue
            body = base64.b64encode((SCREENSHOTS / f"{shot}.png").read_bytes()).decode()
            made = page.evaluate(_SMALLER, [f"data:image/png;base64,{body}", WIDTH, QUALITY])
            (IMAGES / f"{name}.webp").write_bytes(base64.b64decode(made.partition(",")[2]))
        browser.close()
    if missing:
        print(f"There is no screenshot {', '.join(missing)}: run the tests of tests/web that make them.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
