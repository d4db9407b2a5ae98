"""The notebook runs in a fresh kernel, and its exported page shows every picture in a real browser."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.browser import chromium
from tests.painting import need_graphviz

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "pictures.ipynb"
SHOWN = ("whole", "last", "again", "contributions", "lags", "page")  # the cells that end in a picture


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebook, executed by nbclient and exported to HTML by nbconvert."""
    need_graphviz()
    folder = tmp_path_factory.mktemp("notebook")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_PLATFORM_DIRS": "1", "HOME": str(folder)}
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", f"--output-dir={folder}", str(NOTEBOOK)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return folder / "pictures.html"


def test_the_notebook_is_stored_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert set(SHOWN) <= {cell["id"] for cell in cells}
    for cell in cells:
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)


def test_every_picture_of_the_notebook_can_be_seen_and_no_id_stands_in_two(exported: Path) -> None:
    complaints: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        # The exported page asks for MathJax and other scripts; here they are empty: nothing leaves this machine.
        page.route(
            lambda url: not url.startswith(("file:", "data:", "about:", "blob:")),
            lambda route: route.fulfill(status=200, content_type="text/javascript", body=""),
        )
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(exported.as_uri())
        outputs = page.locator(".jp-OutputArea-output").filter(has=page.locator("svg, img, iframe"))
        assert outputs.count() == len(SHOWN)
        for n in range(len(SHOWN)):
            shown = outputs.nth(n).locator("svg, img, iframe").first
            shown.scroll_into_view_if_needed()
            box = shown.bounding_box()
            assert box is not None and box["width"] > 300 and box["height"] > 200, (SHOWN[n], box)
        sources = page.eval_on_selector_all("img", "all => all.map((one) => one.src)")
        svgs = [base64.b64decode(source.partition(",")[2]).decode() for source in sources]
        ids = [element.get("id") for svg in svgs for element in ElementTree.fromstring(svg).iter() if element.get("id")]
        assert len(svgs) == len(SHOWN) - 1 and len(ids) > 500
        assert len(ids) == len(set(ids))  # editors put all of them into one page
        frame = page.frame_locator("iframe").first
        frame.locator("svg").first.wait_for(state="visible")
        page.screenshot(path=exported.with_name("page.png"))
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=exported.with_suffix(".png"), full_page=True)
        browser.close()
    assert complaints == []
    assert exported.with_suffix(".png").stat().st_size > 50_000
