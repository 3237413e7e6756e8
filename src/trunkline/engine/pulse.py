"""The sign of life: said while the loop turns and the pump keeps up, and not a moment longer.

The service manager starts the edge anew when it hears nothing. So a pump that does not come to its deadlines, or leaves
messages lying while the loop turns, must be silent here: nobody else would notice.
"""

from __future__ import annotations

import logging

from trunkline.engine.engine import Engine
from trunkline.engine.notify import Notifier

_log = logging.getLogger("trunkline.engine")
_LATEST = 5.0
"""Seconds that a deadline may be overdue. Even at twice its capacity a pump turns many times a second."""


class Pulse:
    """`beat` it once a second."""

    __slots__ = ("_engine", "_notifier", "_resting", "_still", "_turns")

    def __init__(self, engine: Engine, notifier: Notifier) -> None:
        self._engine = engine
        self._notifier = notifier
        self._resting = False
        self._still = 0
        self._turns = -1

    def rest(self) -> None:
        """The pump is stopped on purpose: from now on only the loop must turn."""
        self._resting = True

    def beat(self, now: float) -> bool:
        """Tell the manager, unless the pump is stuck; whether it was told. `now`: monotonic seconds."""
        reason = None if self._resting else self._stuck(now)
        if reason is None:
            self._notifier.alive()
            return True
        _log.error("the pump stands still: %s; the service manager is not told that the edge lives", reason)
        return False

    def _stuck(self, now: float) -> str | None:
        pump, core = self._engine.pump, self._engine.core
        self._still = self._still + 1 if pump.waiting and pump.turns == self._turns else 0
        self._turns = pump.turns
        if self._still >= _LATEST:
            return f"{pump.waiting} messages wait, and none is taken"
        deadline = core.deadline()
        if now - deadline > _LATEST:
            return f"a deadline is {now - deadline:.0f} s overdue"
        return None
