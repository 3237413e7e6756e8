"""Many days of bad luck. `STORMS=20000 pytest tests/simulation/test_storm.py` looks further."""

from __future__ import annotations

import os

import pytest

from tests.simulation.storm import Storm

_EACH = 50
_STORMS = int(os.environ.get("STORMS", "2000"))


@pytest.mark.parametrize("first", range(0, _STORMS, _EACH))
def test_whatever_happens_both_legs_end_and_nothing_stays(first: int) -> None:
    for seed in range(first, first + _EACH):
        storm = Storm(seed)
        storm.run()
        storm.settle()
