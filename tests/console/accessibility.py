"""What a page has to be for everybody, computed in the browser.

Sources: WCAG 2.2, 1.4.3 and 1.4.11 (contrast), 4.1.2 (names), 2.5.8 (size of targets), 1.4.10
(reflow); https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
TARGETS = "a, button, input, select, textarea, summary"
IN_TEXT = ".skip, p a, dd a, span a"
"""Targets in a line of text may be as small as it is."""
LEAST_PIXELS = 17
SMALL_TARGETS = """
([targets, inText, least]) => [...document.querySelectorAll(targets)]
  .filter((element) => element.getClientRects().length && !element.matches(inText))
  .map((element) => [element.id || element.textContent, element.getBoundingClientRect()])
  .filter(([, box]) => box.width < least || box.height < least)
  .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)
"""
ROLES = {"button", "textbox", "radio", "combobox", "link", "region", "img", "navigation"}


def weak_contrasts(page: Any) -> list[str]:
    """Texts and borders that are too faint."""
    found = page.evaluate(CONTRAST)
    assert len(found) > 10
    return [f"{row['what']}: {row['ratio']:.2f}" for row in found if row["ratio"] < row["wanted"]]


def nameless(page: Any) -> list[str]:
    """Roles of what a screen reader could not name, by the browser's own accessibility tree."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    found = {node["role"]["value"] for node in nodes if not node["ignored"]}
    assert found & ROLES
    return [
        node["role"]["value"]
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in ROLES
        and not node.get("name", {}).get("value", "").strip()
    ]


def overflow(page: Any) -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def small_targets(page: Any) -> list[str]:
    return list(page.evaluate(SMALL_TARGETS, [TARGETS, IN_TEXT, LEAST_PIXELS]))
