"""Trunkline: a SIP signalling edge that connects carriers' calls with voice agents."""

__version__ = "0.1.0"
