"""Many days of bad luck. `python -m tests.simulation.storm` looks further, and replays a seed that fails."""

from __future__ import annotations

import os

import pytest

from tests.simulation.storm import Storm

_EACH = 50
_STORMS = int(os.environ.get("STORMS", "1500"))


@pytest.mark.parametrize("first", range(0, _STORMS, _EACH))
def test_whatever_happens_everything_ends_once_and_nothing_stays(first: int) -> None:
    for seed in range(first, first + _EACH):
        storm = Storm(seed)
        storm.run()
        storm.settle()


def test_a_seed_replays_exactly() -> None:
    storms = [Storm(52), Storm(52)]
    for storm in storms:
        storm.run()
    assert storms[0].context == storms[1].context
    assert "INVITE" in storms[0].context
