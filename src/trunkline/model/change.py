"""One change of the configuration: what the control plane tells the engine after the store has it."""

from __future__ import annotations

import msgspec

from trunkline.model.agent import Agent
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk

Routed = Organization | Trunk | Agent | Number


class Put(msgspec.Struct, frozen=True, tag="put"):
    """The record is new or replaces the one with its id."""

    record: Routed


class Removed(msgspec.Struct, frozen=True, tag="removed"):
    kind: str
    """`organization`, `trunk`, `agent` or `number`."""
    id: str


Change = Put | Removed
