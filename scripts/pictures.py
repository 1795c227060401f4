"""The pictures of the documents, taken from the demo with Chromium: `make pictures`.

The dashboard is that of `waterline up --demo` after six minutes, beside a sample day that was
archived. The notebook is the one about an incident as it is kept, from one heading to another.
"""

# nbconvert and nbformat have types in part only.
# mypy: allow-untyped-calls

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nbformat
from nbconvert import HTMLExporter
from PIL import Image
from playwright.sync_api import Browser, Route, ViewportSize, sync_playwright

from workbench import samples

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "docs" / "pictures"
WATERLINE: Final = str(Path(sys.executable).with_name("waterline"))
SAMPLE: Final = 40_000
# All that the figures of the dashboard show is live traffic then.
SECONDS: Final = 360
DASHBOARD: Final[ViewportSize] = {"width": 1280, "height": 900}
NOTEBOOK: Final = ROOT / "notebooks" / "05_incident_by_patterns.ipynb"
HEADINGS: Final = ("## What has changed?", "## Who is hit?")
WIDTH: Final = 940
MOST_BYTES: Final = 200_000


@contextmanager
def demo(data: Path) -> Iterator[str]:
    """Run the demo on free ports; yield the address of its dashboard."""
    ports = ("--port", "0", "--monitoring-port", "0", "--dashboard-port", "0", "--query-port", "0")
    command = [WATERLINE, "up", "--demo", "--data", str(data), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = next(
                found
                for line in process.stdout
                if (found := re.search(r"dashboard +(http://\S+)", line))
            )
            yield found[1]
        finally:
            process.terminate()


def take_dashboard(browser: Browser, target: Path) -> None:
    """Take the picture of the dashboard."""
    with tempfile.TemporaryDirectory(prefix="waterline-") as folder:
        data = Path(folder) / "data"
        samples.build(data, SAMPLE)
        archive = [WATERLINE, "archive", "run", "--older-than", "1s", "--data", str(data)]
        subprocess.run(archive, check=True)
        with demo(data) as address:
            page = browser.new_page(viewport=DASHBOARD, color_scheme="light")
            page.goto(address)
            page.wait_for_selector("tbody tr")
            time.sleep(SECONDS)
            page.screenshot(path=target)
            page.close()


def take_notebook(browser: Browser, target: Path) -> None:
    """Take the picture of a part of the notebook."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    texts = [cell["source"] for cell in notebook.cells]
    first, last = (
        next(at for at, text in enumerate(texts) if text.startswith(heading))
        for heading in HEADINGS
    )
    notebook.cells = notebook.cells[first:last]
    content, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    page = browser.new_page(viewport={"width": WIDTH, "height": 800}, color_scheme="light")
    page.route(re.compile("^https?:"), _refuse)
    page.set_content(content)
    page.locator("main").screenshot(path=target)
    page.close()


def _refuse(route: Route) -> None:
    """Load nothing: what the page of nbconvert names elsewhere is not needed."""
    route.abort()


def _shrink(target: Path) -> None:
    """Keep 256 colours: a page has few more, and the file becomes a third."""
    with Image.open(target) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(target, optimize=True)


def main() -> int:
    """Take both; with a name, that one."""
    pictures = {"dashboard": take_dashboard, "notebook": take_notebook}
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        for name in sys.argv[1:] or pictures:
            target = FOLDER / f"{name}.png"
            pictures[name](browser, target)
            _shrink(target)
            size = target.stat().st_size
            print(f"{target}: {size:,} bytes")
            if size > MOST_BYTES:
                print(f"{target} is larger than {MOST_BYTES:,} bytes")
                return 1
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
