"""How far a start is: in words, for readiness, the service manager and the log."""

from __future__ import annotations

import asyncio
import logging

from trunkline.engine.notify import Notifier

_log = logging.getLogger("trunkline.edge")
_TICK = 1.0
_MORE = 30.0
"""Seconds that the service manager is asked for at each tick: a loop that stands still for so long is given up."""
_QUIET = 5
"""Ticks between two lines of the log."""


class Progress:
    __slots__ = ("words",)

    def __init__(self) -> None:
        self.words = "beginning"

    def say(self, words: str) -> None:
        self.words = words

    def count(self, records: int) -> None:
        """So many records have been read."""
        self.words = f"reading the configuration, {records:,} records so far"

    async def tell(self, notifier: Notifier) -> None:
        """Without end, of a start that takes longer than a moment."""
        tick = 0
        while True:
            await asyncio.sleep(_TICK)
            notifier.starting(_MORE, f"starting: {self.words}")
            if tick % _QUIET == 0:
                _log.info("starting: %s", self.words)
            tick += 1
