"""The running edge: `edge` is what it is made of and in which order, `port` how its control plane asks its engine,
`process` what the operating system sees of it, `gauges` what its metrics show."""

from __future__ import annotations

from trunkline.edge.edge import Edge, Started
from trunkline.edge.process import serve

__all__ = ["Edge", "Started", "serve"]
