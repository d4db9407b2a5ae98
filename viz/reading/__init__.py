"""Say what is drawn: a flow becomes a networkx graph with every number and every word, and one template step."""
