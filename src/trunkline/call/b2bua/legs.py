"""Every kind of leg there is, and the table of those that are."""

from __future__ import annotations

from trunkline.call.b2bua.search import AgentLeg
from trunkline.call.leg.farewell import Farewell
from trunkline.call.leg.uas_leg import UasLeg

Leg = UasLeg | AgentLeg | Farewell
Legs = dict[str, Leg]
"""By id."""
