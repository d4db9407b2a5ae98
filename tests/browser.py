"""Open a page in a real browser, Debian's chromium driven by Playwright; what it says and asks for is noted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


def need_chromium() -> str:
    """The path of a chromium; where there is none the test is skipped, and fails where CI is set."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    reason = "no chromium: apt-get install chromium"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser."""
    path = need_chromium()
    playwright = pytest.importorskip("playwright.sync_api") if not os.environ.get("CI") else None
    if playwright is None:
        import playwright.sync_api as playwright
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page in the browser; `complaints` is what it wrote on the console, `requests` what it asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def place(self) -> tuple[int, int]:
        """The position, and how many there are."""
        now, _, last = self.page.inner_text("#count").partition(" / ")
        return int(now), int(last)

    def go(self, place: int) -> None:
        """Move the slider."""
        move = "(slider, n) => { slider.value = n; slider.dispatchEvent(new Event('input')); }"
        self.page.locator("#slider").evaluate(move, str(place))

    def wait(self, condition: str) -> None:
        """Wait until a condition holds; asked from outside, as the page's own policy forbids to evaluate text in it."""
        for _ in range(600):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never: {condition}")

    def ids(self, selector: str) -> set[str]:
        """The ids of what a selector finds."""
        found: list[str] = self.page.eval_on_selector_all(selector, "all => all.map((one) => one.id)")
        return set(found)


@contextmanager
def opened(
    browser: Any, file: Path, width: int = 1280, height: int = 900, fragment: str = "", **how: Any
) -> Iterator[Opened]:
    """Open a file; afterwards fail if it complained, or asked for anything but itself."""
    context = browser.new_context(viewport={"width": width, "height": height}, **how)
    page = context.new_page()
    page.set_default_timeout(20_000)
    found = Opened(page)
    page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (found.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: found.requests.append(request.url.partition("#")[0]))
    page.goto(f"{file.as_uri()}{fragment}")
    found.wait("document.getElementById('count').textContent !== ''")
    yield found
    assert found.complaints == []
    assert set(found.requests) == {file.as_uri()}
    context.close()
