"""How this copy was built: with its core compiled to machine code, or as it stands in its sources.

This file is one of those that are compiled, all into one binary, so what it says of itself is true of them all.
Which they are, and why, is in `setup.py`.
"""

from __future__ import annotations


def compiled() -> bool:
    """Whether the core that runs here is compiled."""
    return not __file__.endswith(".py")
