"""Who owns everything else."""

from __future__ import annotations

import msgspec


class Organization(msgspec.Struct, frozen=True, kw_only=True, tag="organization"):
    id: str
    name: str
    default_trunk_id: str | None = None
    """The carrier trunk that numbers on an engine trunk dial out by."""
    sandbox_of: str | None = None
    """The organization whose test keys act in this one. What a sandbox owns is never routed: the engine does not hear
    of it, and it is shown under no id but its owner's."""
    created_at: float = 0.0
    """Unix seconds, as every `_at` of the model."""
    updated_at: float = 0.0
