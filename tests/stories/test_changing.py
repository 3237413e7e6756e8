"""Configuration that changes under calls, at random: what the API shows is what the next INVITE meets.

The long run, ten thousand changes, is `python -m loadtest.changes`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from loadtest.changes.run import prove

CHANGES = 200


@pytest.mark.parametrize("seed", [1])
def test_what_the_api_shows_is_what_the_next_invite_meets(tmp_path: Path, seed: int) -> None:
    proof = asyncio.run(prove(tmp_path, CHANGES, seed, steady=10.0, empty=False))
    assert proof.faults == []
    assert proof.changes > CHANGES / 2
    assert proof.steady > 0
    assert proof.lasted > 0
    assert proof.met["200"] > CHANGES / 10
    assert len(proof.met) > 5
