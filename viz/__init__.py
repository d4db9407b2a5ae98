"""Draw how gradients flow through a recorded recurrent network.

import tinygrad_rnn as tg, viz

picture = viz.draw(tg.flow(L))          # shows itself in a notebook
picture.save("bptt.svg")                # or .png, .pdf, .dot
viz.step_through(tg.flow(L)).save("bptt.html")   # event by event, in a browser
viz.graph(tg.flow(L))                   # the networkx graph behind it
viz.export(tg.flow(L), "bptt.graphml")  # the graph for other programs; or .json, .dot
viz.charts.contributions(tg.flow(L))    # heat maps and curves
"""

from . import charts
from .drawing import draw
from .exporting import export
from .page.page import Page, step_through
from .picture import Picture
from .reading.graph import build as graph
from .render import PictureError

__all__ = ["Page", "Picture", "PictureError", "charts", "draw", "export", "graph", "step_through"]
