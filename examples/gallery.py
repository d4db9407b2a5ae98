"""Make a gallery: pictures and charts of many networks, and a page of them, each with the code that makes it.

    python examples/gallery.py [FOLDER]

Writes FOLDER/index.html (default: gallery), a picture beside it for every piece, and a page to step through an LSTM.
Everything stays in the folder; nothing is fetched from anywhere.
"""

import sys
from pathlib import Path

from exhibits.page import page
from exhibits.pieces import PIECES

import tinygrad_rnn as tg
import viz


def hang(folder):
    """Make every piece and the page in a folder; returns the pictures and charts by name."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    for piece in PIECES:
        made[piece.name] = piece.make()
        made[piece.name].save(folder / f"{piece.name}.svg")
        print(f"{piece.name}.svg: {made[piece.name].title}")
    tape, L = tg.cells.record("lstm", steps=3, seed=3, scale=0.6)
    viz.step_through(tg.flow(L), title="LSTM").save(folder / "step-through.html")
    (folder / "index.html").write_text(page(PIECES, made), encoding="utf-8")
    print(f"index.html: {len(PIECES)} pictures")
    return made


if __name__ == "__main__":
    hang(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("gallery"))
