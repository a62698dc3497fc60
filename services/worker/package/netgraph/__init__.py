"""The graph of a trained net: what it is made of, what each part costs, and how it behaves on one batch."""

from services.worker.package.netgraph.building import NetGraphs, net_graphs
from services.worker.package.netgraph.catalogue import MIN_ROWS, Rows, graphs_of_net
from services.worker.package.netgraph.example import Example

__all__ = ["MIN_ROWS", "Example", "NetGraphs", "Rows", "graphs_of_net", "net_graphs"]
