"""Whole worlds in bad weather, by seed. `python -m tests.simulation.storm --help` runs them."""

from __future__ import annotations

from tests.simulation.storm.storm import Storm

__all__ = ["Storm"]
