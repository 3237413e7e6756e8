"""Trunkline: a SIP signalling edge that connects carriers' calls with voice agents."""

from __future__ import annotations

__version__ = "0.1.0"
