"""The extensions of SIP that we speak, and how the operator wants them spoken."""

from __future__ import annotations

from typing import NamedTuple

SUPPORTED: tuple[str, ...] = ("timer",)
"""Option tags of extensions we know (RFC 3261 §20.37)."""


class Extensions(NamedTuple):
    """The operator's wishes."""

    session_expires: int = 1800
    """The session interval that we ask for, seconds (RFC 4028); 0: we ask for none, and take what is asked of us."""
    min_se: int = 90
    """The shortest session interval that we take, seconds."""


USUAL = Extensions()
