"""Takes the README's pictures of Temporal's Web UI again. Run by hand: no test and no part of the service needs it.

    pip install playwright                       # into .venv; Chromium comes from the system, or `playwright install`
    .venv/bin/python docs/pictures/take.py http://127.0.0.1:8233 --parked ID --completed ID --compensated ID

The ids are workflow ids, as the list of workflows shows them. `make up`, then: cancel an order; cancel one whose refund
the gateway refuses (fault `refuse` of the sandbox); cancel one while the gateway is away (fault `down`) and wait until
`claims stuck` lists it. Look at each picture before it is kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import FloatRect, Locator, Page, expect, sync_playwright

FOLDER = Path(__file__).parent
WIDTH = 1400
"""Of every picture, in pixels."""
SIDEBAR = 256
"""Of the Web UI; cut off."""
MARGIN = 12
PATIENCE = 30_000
"""Milliseconds."""
COLUMNS = ("Status", "Workflow ID", "ClaimNo", "ClaimStatus", "ClaimStep", "StuckReason")
"""Of the list: what an operator picks under its column settings."""


def main() -> None:
    asked = _arguments()
    workflows = f"{asked.ui.rstrip('/')}/namespaces/{asked.namespace}/workflows"
    with _page(asked.chromium, asked.namespace) as page:
        _list(page, f"{workflows}?query={quote('NeedsOperator=true')}", FOLDER / "needs-operator.png")
        _details(page, f"{workflows}/{quote(asked.parked, safe='')}", FOLDER / "parked.png")
        _timeline(page, f"{workflows}/{quote(asked.completed, safe='')}", FOLDER / "completed.png")
        _timeline(page, f"{workflows}/{quote(asked.compensated, safe='')}", FOLDER / "compensated.png")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ui", help="address of the Web UI")
    parser.add_argument("--parked", required=True, metavar="ID", help="workflow id of a claim that waits for a person")
    parser.add_argument("--completed", required=True, metavar="ID", help="of one that completed")
    parser.add_argument("--compensated", required=True, metavar="ID", help="of one that was undone")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--chromium", help="path of a Chromium; left out, the one that playwright has installed")
    return parser.parse_args()


@contextmanager
def _page(chromium: str | None, namespace: str) -> Iterator[Page]:
    columns = json.dumps({namespace: [{"label": label} for label in COLUMNS]})
    with sync_playwright() as playwright:
        # Without a sandbox of its own, so that it runs as root in a container too: it opens only this address.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": SIDEBAR + WIDTH, "height": 1300}, color_scheme="light")
        page.add_init_script(f"localStorage.setItem('namespace-workflow-table-columns', {json.dumps(columns)})")
        yield page
        browser.close()


def _list(page: Page, address: str, picture: Path) -> None:
    page.goto(address)
    rows = page.get_by_test_id("workflows-summary-configurable-table-row")
    expect(rows.first).to_contain_text("NEEDS_OPERATOR", timeout=PATIENCE)
    _keep(page, picture, top=page.get_by_test_id("workflow-count"), bottom=rows.last)


def _details(page: Page, address: str, picture: Path) -> None:
    page.goto(address)
    page.get_by_test_id("user-metadata-tab").click(timeout=PATIENCE)
    details = page.locator("iframe#user-metadata-current-details")
    expect(details.content_frame.locator("body")).to_contain_text("needs an operator", timeout=PATIENCE)
    _keep(page, picture, top=page.get_by_test_id("workflow-id-heading"), bottom=details)


def _timeline(page: Page, address: str, picture: Path) -> None:
    page.goto(address)
    last_step = page.get_by_text("conclude", exact=True).last
    expect(last_step).to_be_visible(timeout=PATIENCE)
    axis = page.locator("svg:has(pattern)").last  # the zigzag where idle time is left out: as high as the drawing
    _keep(page, picture, top=page.get_by_test_id("workflow-id-heading"), bottom=axis, more=72)


def _keep(page: Page, picture: Path, *, top: Locator, bottom: Locator, more: int = 0) -> None:
    """Write the page, without its sidebar, from one of its parts down to another and `more` pixels below that."""
    above, below = top.bounding_box(), bottom.bounding_box()
    if above is None or below is None:
        raise SystemExit(f"{picture.name}: a part of the page is not shown")
    start = max(0.0, above["y"] - MARGIN)
    end = below["y"] + below["height"] + MARGIN + more
    clip: FloatRect = {"x": SIDEBAR, "y": start, "width": WIDTH, "height": end - start}
    page.screenshot(path=picture, clip=clip, animations="disabled")


if __name__ == "__main__":
    main()
