"""What goes on beside the calls, each a task: none dies in silence.

A duty that ends by an exception is a bug. It is logged and the duty begins anew after a pause that grows, so that a
fault in one of them neither stops the edge nor is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

_log = logging.getLogger("trunkline.engine")
_LONGEST_PAUSE = 60.0

Work = Callable[[], Coroutine[None, None, None]]


class Duties:
    """`begin` them, `end` them all."""

    __slots__ = ("_pause", "_tasks", "faults")

    def __init__(self, pause: float = 1.0) -> None:
        """`pause`: seconds before a duty that died begins anew, the first time; each further time twice as long."""
        self._pause = pause
        self._tasks: set[asyncio.Task[None]] = set()
        self.faults = 0
        """How often one died."""

    def begin(self, name: str, work: Work) -> asyncio.Task[None]:
        """The task of a duty; it is over when `work` returns."""
        task = asyncio.create_task(self._kept_up(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def __len__(self) -> int:
        return len(self._tasks)

    async def end(self) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _kept_up(self, name: str, work: Work) -> None:
        pause = self._pause
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001 - a bug, whatever it is
                self.faults += 1
                _log.exception("%s died: this is a bug; it begins anew in %g s", name, pause)
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
