"""The site of docs/: it builds strictly, links lead somewhere, and nothing foreign is loaded."""

import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[1]
HERE: Final = "http://site.invalid/"
LOADING: Final = {
    "script": ("src",), "link": ("href",), "img": ("src", "srcset"), "iframe": ("src",),
    "source": ("src", "srcset"), "video": ("src", "poster"), "audio": ("src",), "embed": ("src",),
    "object": ("data",), "use": ("href",), "image": ("href",),
}  # fmt: skip
"""By element, the attributes that make a browser load something."""
NO_LOAD: Final = {"canonical", "next", "prev", "alternate"}
"""What a `link` may be besides, by its `rel`."""
KNOWN_SCRIPTS: Final = (
    "unpkg.com/mermaid", "unpkg.com/pyodide", "cdn.jsdelivr.net/pyodide", "unpkg.com/glightbox",
    "unpkg.com/ace-builds", "unpkg.com/resize-observer-polyfill", "api.github.com", "${e}/api/v4",
    "www.w3.org", "zensical.org", "fontawesome.com",
)  # fmt: skip
"""What the theme's script names: namespaces, licences, and what it loads for unused parts."""
UNUSED: Final = ("mermaid", "pyodide", "glightbox", 'data-md-component="source"')
"""The marks in a page by which the theme's script would load those."""


class Page(HTMLParser):
    """What a page loads, links to, and can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[each] for each in ("id", "name") if each in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and set(given.get("rel", "").split()) & NO_LOAD:
            return
        self.loads += [given[each] for each in LOADING.get(tag, ()) if each in given]
        self.loads += _loaded_by_style(given.get("style", ""))


def _loaded_by_style(text: str) -> list[str]:
    found = re.findall(r"url\(\s*[\"']?([^\"')]+)|@import\s+[\"']([^\"']+)", text)
    return [first or second for first, second in found]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("documents")
    shutil.copy(ROOT / "zensical.toml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    for package in ("waterline", "server", "workbench"):
        (folder / package).symlink_to(ROOT / package)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """The pages by their address."""
    return {
        urljoin(HERE, str(file.relative_to(site))): Page(file.read_text(encoding="utf-8"))
        for file in site.rglob("*.html")
        if file.name != "404.html"
    }


def file_at(site: Path, address: str) -> Path:
    """Return the file that a server would answer an address with."""
    path = site / unquote(urlsplit(address).path).lstrip("/")
    return path / "index.html" if path.is_dir() else path


def test_every_page_of_docs_is_in_the_site(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        name = "" if page.stem == "index" else page.stem
        assert (site / name / "index.html").exists(), page


def test_every_page_of_docs_is_in_its_navigation() -> None:
    settings = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    named = [file for each in settings["project"]["nav"] for file in each.values()]
    assert sorted(named) == sorted(each.name for each in (ROOT / "docs").glob("*.md"))


def test_every_link_within_the_site_leads_somewhere(site: Path, pages: dict[str, Page]) -> None:
    lost = []
    checked = 0
    for address, page in pages.items():
        for link in [*page.links, *page.loads]:
            whole, fragment = urldefrag(urljoin(address, link))
            if not whole.startswith(HERE):
                continue
            checked += 1
            file = file_at(site, whole)
            if not file.exists():
                lost.append(f"{address}: {link}")
            elif fragment and file.suffix == ".html":
                names = pages[urljoin(HERE, str(file.relative_to(site)))].names
                lost += [] if unquote(fragment) in names else [f"{address}: {link}"]
    assert checked > 200
    assert lost == []


def test_no_page_loads_anything_from_elsewhere(pages: dict[str, Page]) -> None:
    loads = {(address, each) for address, page in pages.items() for each in page.loads}
    assert len(loads) > 20
    foreign = [
        (address, each)
        for address, each in loads
        if not urljoin(address, each).startswith((HERE, "data:"))
    ]
    assert foreign == []


def test_no_style_loads_anything_from_elsewhere(site: Path) -> None:
    styles = [*site.rglob("*.css"), *site.rglob("*.svg")]
    assert len(styles) > 4
    foreign = [
        (file.name, each)
        for file in styles
        for each in _loaded_by_style(file.read_text(encoding="utf-8"))
        if re.match(r"(?:\w+:)?//", each) and not each.startswith("data:")
    ]
    assert foreign == []


def test_scripts_name_no_foreign_address_but_those_of_parts_that_no_page_has(site: Path) -> None:
    found = {
        each
        for file in site.rglob("*.js")
        for each in re.findall(r"https?://([^\s\"'`<>\\)]+)", file.read_text(encoding="utf-8"))
    }
    assert found
    assert [each for each in found if not each.startswith(KNOWN_SCRIPTS)] == []
    for file in site.rglob("*.html"):
        body = file.read_text(encoding="utf-8")
        assert [each for each in UNUSED if f'class="{each}' in body or each in body] == [], file
