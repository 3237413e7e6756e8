"""After all that, nothing is left in the engine. The file's name makes it the last of its folder."""

from __future__ import annotations

import time

import pytest

from tests.interop.edge import Edge
from tests.interop.stage import Stage

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

LONGEST_TIMER = 32.0
"""64·T1 in seconds."""


def test_tables_are_empty_when_the_timers_have_run_out(edge: Edge, stage: Stage) -> None:
    stage.close()
    deadline = time.monotonic() + LONGEST_TIMER + 6
    while left := edge.tables():
        assert time.monotonic() < deadline, left
        time.sleep(0.5)
