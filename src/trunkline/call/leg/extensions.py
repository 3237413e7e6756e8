"""The extensions of SIP that we speak, and how the operator wants them spoken."""

from __future__ import annotations

from typing import NamedTuple

SUPPORTED: tuple[str, ...] = ("100rel", "timer", "replaces", "norefersub")
"""Option tags of extensions we know (RFC 3261 §20.37)."""


class Extensions(NamedTuple):
    """The operator's wishes."""

    session_expires: int = 1800
    """The session interval that we ask for, seconds (RFC 4028); 0: we ask for none, and take what is asked of us."""
    min_se: int = 90
    """The shortest session interval that we take, seconds."""
    reliable_early_media: bool = True
    """Whether a caller that supports it gets early media reliably (RFC 3262); one that requires it gets all so."""


USUAL = Extensions()
