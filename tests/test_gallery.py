"""The gallery is made in one go: pictures without overlaps, a page with words for each, links that lead somewhere."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import viz
from tests.browser import chromium
from tests.painting import need_graphviz
from viz.check import overlaps

EXAMPLES = Path(__file__).parents[1] / "examples"
KINDS = {"vanilla-all", "vanilla-last", "lstm-last", "gru", "stacked", "skip", "two-directions", "encoder-decoder"}
KINDS |= {"attention", "own-cell", "folded", "path", "truncated", "dark", "backward-pass", "contributions", "shares"}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder, and the pictures and charts that it was made of."""
    need_graphviz()
    folder = tmp_path_factory.mktemp("gallery")
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield folder, import_module("gallery").hang(folder)
    finally:
        sys.path.remove(str(EXAMPLES))


class Links(HTMLParser):
    """What a page links to, shows and says of it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.images: dict[str, str] = {}
        self.codes = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        self.links += [values[key] for key in ("href", "src") if key in values]
        self.ids |= {values["id"]} if "id" in values else set()
        self.codes += tag == "pre"
        if tag == "img":
            self.images[values["src"]] = values["alt"]


def test_the_gallery_shows_every_kind_of_network_and_view(gallery: tuple[Path, dict[str, Any]]) -> None:
    assert KINDS <= set(gallery[1]) and len(gallery[1]) >= 12


def test_no_picture_of_the_gallery_has_an_overlap_or_a_crossing_over_a_box(gallery: tuple[Path, Any]) -> None:
    pictures = {name: made for name, made in gallery[1].items() if isinstance(made, viz.Picture)}
    assert len(pictures) >= 15
    for name, picture in pictures.items():
        assert picture.canvas is not None and overlaps(picture.canvas) == {}, name
        assert picture.graph.graph["conservation"] < 1e-12, name


def test_every_link_leads_to_something_inside_and_every_picture_has_code_and_words(gallery: tuple[Path, Any]) -> None:
    folder, made = gallery
    page = Links()
    page.feed((folder / "index.html").read_text(encoding="utf-8"))
    assert set(page.images) == {f"{name}.svg" for name in made}
    assert all(len(words) > 40 for words in page.images.values())
    assert page.codes >= len(made)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert (folder / link).is_file() and "/" not in link, link
    for name in made:
        assert ElementTree.parse(folder / f"{name}.svg").getroot().get("role") == "img"
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size < 8_000_000


def test_the_code_beside_a_picture_makes_that_picture(gallery: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = gallery
    pieces, page = import_module("exhibits.pieces"), import_module("exhibits.page")
    for piece in pieces.PIECES:
        if piece.name in ("vanilla-last", "own-cell", "contributions"):
            names = {"tg": pieces.tg, "viz": viz, "networks": pieces.networks}
            code = page.code(piece).replace('save("', f'save("{tmp_path}/')
            exec(compile(code, piece.name, "exec"), names)
            assert (tmp_path / f"{piece.name}.svg").read_bytes() == (folder / f"{piece.name}.svg").read_bytes()


def test_the_readme_s_pictures_are_pieces_of_the_gallery(gallery: tuple[Path, Any]) -> None:
    stored = list((EXAMPLES.parent / "docs" / "gallery").iterdir())
    assert stored and {file.name for file in stored} <= {f"{name}.svg" for name in gallery[1]}
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    for file in stored:
        assert f"(docs/gallery/{file.name})" in readme
        title = ElementTree.parse(file).getroot().findtext("{http://www.w3.org/2000/svg}title")
        assert title == gallery[1][file.stem].title


def test_the_page_is_seen_in_a_browser_wide_and_narrow(gallery: tuple[Path, Any], tmp_path: Path) -> None:
    folder, made = gallery
    complaints: list[str] = []
    with chromium() as browser:
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.on("console", lambda message: complaints.append(message.text))
            page.on("request", lambda request: complaints.extend([request.url] * (not request.url.startswith("file:"))))
            page.goto((folder / "index.html").as_uri())
            images = page.locator("img")
            assert images.count() == len(made)
            for n in range(images.count()):
                images.nth(n).scroll_into_view_if_needed()
                seen = "image => image.decode().then(() => image.naturalWidth)"
                assert images.nth(n).evaluate(seen) > 100
                box = images.nth(n).bounding_box()
                assert box is not None and box["width"] > 600  # on a narrow screen it scrolls inside its frame
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.evaluate("window.scrollTo(0, 0)")
            page.screenshot(path=tmp_path / f"gallery-{width}.png")
            page.close()
    assert complaints == []
