"""Every kind of leg there is, and the table of those that are."""

from __future__ import annotations

from trunkline.call.farewell import Farewell
from trunkline.call.search import AgentLeg
from trunkline.call.uas_leg import UasLeg

Leg = UasLeg | AgentLeg | Farewell
Legs = dict[str, Leg]
"""By id."""
