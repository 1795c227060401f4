"""What anyone needs who sees little or uses no mouse: contrast, order, names, and no stray text."""

from itertools import pairwise
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DashboardProcess, go_to_tab, open_at, rows
from tests.support.posting import post
from tests.support.processes import ServerProcess
from tests.support.sockets import send

pytestmark = pytest.mark.browser

WIDTHS = (1400, 400)
# Walks all that is shown in the order in which it is read, shadow trees and slots included.
LOOK = """() => {
  const found = {texts: [], headings: [], scrolled: [], outside: [], misnamed: []};
  const words = (text) => text.toLowerCase().match(/[\\p{L}\\p{N}]+/gu)?.join(" ") ?? "";
  const pen = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const paint = (colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
    }
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).reduce((sum, each, index) => {
      const share = each / 255;
      const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      return sum + [0.2126, 0.7152, 0.0722][index] * linear;
    }, 0);
  };
  const isPart = (element) =>
    /^(HEADER|MAIN)$/.test(element.tagName) || element.getAttribute("role") === "alert";
  const look = (element, grounds, isInside) => {
    const style = getComputedStyle(element);
    const isHidden = style.display === "none" || style.visibility === "hidden";
    if (isHidden || element.ariaHidden === "true") {
      return;
    }
    isInside ||= isPart(element);
    grounds = [...grounds, style.backgroundColor];
    if (/^H[1-6]$/.test(element.tagName)) {
      found.headings.push(Number(element.tagName[1]));
    }
    const isCut = (flow, whole, shown) => /auto|scroll/.test(flow) && whole > shown;
    if (isCut(style.overflowY, element.scrollHeight, element.clientHeight)
        || isCut(style.overflowX, element.scrollWidth, element.clientWidth)) {
      const stops = [...element.querySelectorAll("button, input, a, [tabindex]")];
      found.scrolled.push({
        what: element.className,
        isReached: element.tabIndex >= 0 || stops.some((stop) => stop.tabIndex >= 0),
        isNamed: element.tabIndex < 0 || Boolean(element.ariaLabel),
      });
    }
    const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)
      .map((node) => node.data.trim()).join(" ").trim();
    const box = element.getBoundingClientRect();
    if (text && box.width && box.height && !/^(STYLE|SCRIPT)$/.test(element.tagName)) {
      const [ink, ground] = [paint([...grounds, style.color]), paint(grounds)];
      const [low, high] = [ink, ground].sort((one, other) => one - other);
      found.texts.push({text: text.slice(0, 60), contrast: (high + 0.05) / (low + 0.05)});
      if (!isInside) {
        found.outside.push(text.slice(0, 60));
      }
    }
    if (element.tagName === "BUTTON" && element.ariaLabel !== null
        && !words(element.ariaLabel).includes(words(element.innerText))) {
      found.misnamed.push([element.ariaLabel, element.innerText]);
    }
    const inner = element.tagName === "SLOT"
      ? element.assignedElements() : (element.shadowRoot ?? element).children;
    for (const each of inner) {
      look(each, grounds, isInside);
    }
  };
  look(document.body, ["white"], false);
  return found;
}"""


def check(found: dict[str, Any], *, has_logs: bool = True) -> None:
    assert len(found["texts"]) > (30 if has_logs else 5)
    faint = [each for each in found["texts"] if each["contrast"] < 4.5]
    assert not faint
    levels = found["headings"]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [pair for pair in pairwise(levels) if pair[1] > pair[0] + 1] == []
    assert found["scrolled"] or not has_logs
    assert [each for each in found["scrolled"] if not (each["isReached"] and each["isNamed"])] == []
    assert found["outside"] == []
    # Who speaks to the page says what stands on a button.
    assert found["misnamed"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_can_be_read_and_reached(
    page: Page,
    running: ServerProcess,
    dashboard: DashboardProcess,
    scheme: Literal["light", "dark"],
) -> None:
    page.emulate_media(color_scheme=scheme)
    levels = ("error", "warning", "info", "debug", "other")
    send(running, *({"type": levels[n % 5], "message": f"{n}", "key": n} for n in range(40)))
    post(running, b"{nope", "/v1/logs", Content_Type="application/json")
    open_at(page, dashboard, "?by=key&cols=key")
    expect(rows(page).first).to_be_visible()
    rows(page).first.click()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.locator("#logs .histogram").hover()
        check(page.evaluate(LOOK))
        page.get_by_role("button", name="Range of time").click()
        check(page.evaluate(LOOK))
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Patterns").click()
    expect(page.locator("#logs .patterns tbody tr").first).to_be_visible()
    check(page.evaluate(LOOK))
    for tab in ("Sources", "Archives", "Health"):
        go_to_tab(page, tab)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            check(page.evaluate(LOOK), has_logs=False)
    expect(page.locator(".refused")).to_contain_text("at /v1/logs")


def test_tooltip_of_a_chart_is_part_of_the_picture(
    page: Page, running: ServerProcess, dashboard: DashboardProcess
) -> None:
    send(running, {"type": "info", "message": "m"})
    open_at(page, dashboard)
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('div'), "
        "{className: 'bk-Tooltip', textContent: 'all logs / s: 1'}))"
    )
    expect(page.locator("body > .bk-Tooltip").last).to_have_attribute("aria-hidden", "true")
