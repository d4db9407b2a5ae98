"""Draw how gradients flow through a recorded recurrent network.

import tinygrad_rnn as tg, viz

picture = viz.draw(tg.flow(L))          # shows itself in a notebook
picture.save("bptt.svg")                # or .png, .pdf, .dot
viz.graph(tg.flow(L))                   # the networkx graph behind it
"""

from . import charts
from .drawing import draw
from .picture import Picture
from .reading.graph import build as graph
from .render import PictureError

__all__ = ["Picture", "PictureError", "charts", "draw", "graph"]
