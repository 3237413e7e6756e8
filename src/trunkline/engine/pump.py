"""The pump: bytes from the sockets through the core to its outputs, and the one timer.

Messages wait in two queues. Responses and requests inside dialogs go first; new INVITEs go last and a few a turn, so
that when more comes than can be done it is new calls that wait, and calls in progress that do not notice. How long the
oldest INVITE waited is what the overload control is told.

A turn is: messages in, deadlines in, outputs performed. It never waits for anything.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Final

from trunkline.call.core import Core
from trunkline.call.inputs import Certified, FlowClosed, Input, TransportFailed, Unreached
from trunkline.call.outputs import Output
from trunkline.engine.perform import Performer
from trunkline.sip.flow import Flow
from trunkline.sip.framing import FramingError

_log = logging.getLogger("trunkline.engine")
_INVITES_A_TURN: Final = 16
_SLACK: Final = 0.02
"""Seconds a deadline may be late, so that those that fall close together cost one wake-up."""
_FULL: Final = 32
"""Messages in one batch from which on other sockets are heard before the turn."""
MOST_WAITING: Final = 8192
"""New INVITEs that wait at most; their senders repeat those beyond."""

_IN_DIALOG: Final = re.compile(rb"\r\n(?:To|t)[ \t]*+:[^\r\n]*;[ \t]*+tag[ \t]*+=", re.IGNORECASE).search
"""A tag in To: the INVITE belongs to a call that is up."""


class Pump:
    """What sockets hand messages to (`transport.sink.Sink`), and everybody else their answers."""

    __slots__ = (
        "_core",
        "_fresh",
        "_given",
        "_loop",
        "_now",
        "_performer",
        "_scheduled",
        "_timer",
        "_timer_at",
        "_told_at",
        "_urgent",
        "dropped",
        "faults",
        "turns",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        core: Core,
        performer: Performer,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._loop = loop
        self._core = core
        self._performer = performer
        self._now = now
        self._urgent: list[tuple[bytes, Flow]] = []
        self._fresh: deque[tuple[float, bytes, Flow]] = deque()
        self._given: list[Input] = []
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.dropped = 0
        """New INVITEs that came when too many waited already."""
        self.turns = 0
        self.faults = 0
        """Bugs met."""
        self._told_at = -1.0

    # ── from the transports ───────────────────────────────────────────────────────────────────────────────────────────

    def received(self, batch: list[tuple[bytes, Flow]]) -> None:
        fresh, now = self._fresh, 0.0
        for item in batch:
            data = item[0]
            if data.startswith(b"INVITE ") and not _IN_DIALOG(data):
                if len(fresh) >= MOST_WAITING:
                    self.dropped += 1
                    continue
            elif not fresh or len(fresh) >= MOST_WAITING or not data.startswith(b"CANCEL "):
                self._urgent.append(item)
                continue
            # A CANCEL among them must not overtake its INVITE: it would find nothing to end.
            now = now or self._now()
            fresh.append((now, data, item[1]))
        if self._scheduled:
            return
        if len(batch) < _FULL:
            self._turn()
        else:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def unframed(self, flow: Flow, error: FramingError) -> None:
        """What could be read of the message, if anything, is answered as the malformed message that it is."""
        self._perform(self._core.unframed(error.head, error.status, error.reason, flow, self._now()))
        self._arm()

    def failed(self, flow: Flow, transaction: str, reason: str) -> None:
        self.give(TransportFailed(flow, transaction, reason))

    def unreached(self, flow: Flow, transaction: str, reason: str) -> None:
        self.give(Unreached(flow, transaction, reason))

    def certified(self, flow: Flow, names: tuple[str, ...]) -> None:
        """Who calls over this connection is known by it."""
        self.give(Certified(flow, names))

    def closed(self, flow: Flow) -> None:
        """Dialogs keep the flow; what they send next fails and finds another way. Registrations want to know."""
        self.give(FlowClosed(flow))

    # ── from everybody else ───────────────────────────────────────────────────────────────────────────────────────────

    def give(self, given: Input) -> None:
        """An answer or a command: taken in the next turn."""
        self._given.append(given)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def start(self) -> None:
        """Arm the timer for what the core already waits for."""
        self._arm()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def waiting(self) -> int:
        return len(self._urgent) + len(self._fresh) + len(self._given)

    # ── a turn ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _turn(self) -> None:
        self._scheduled = False
        self.turns += 1
        core, now = self._core, self._now()
        outputs: list[Output] = []
        given, self._given = self._given, []
        for each in given:
            try:
                outputs += core.send(each, now)
            except Exception:  # noqa: BLE001 (a bug costs one message)
                self._broke(type(each).__name__)
        urgent, self._urgent = self._urgent, []
        for data, flow in urgent:
            try:
                outputs += core.receive(data, flow, now)
            except Exception:  # noqa: BLE001 (a bug costs one message)
                self._broke("message")
        fresh = self._fresh
        if fresh:
            core.overload.receive(now - fresh[0][0], now)
            for _ in range(min(len(fresh), _INVITES_A_TURN)):
                _, data, flow = fresh.popleft()
                try:
                    outputs += core.receive(data, flow, now)
                except Exception:  # noqa: BLE001 (a bug costs one message)
                    self._broke("INVITE")
        # The timer stands at or before what the core waits for: as long as it is not due, nothing is.
        if self._timer is None or self._timer_at <= now:
            if core.deadline() <= now:
                try:
                    outputs += core.expire(now)
                except Exception:  # noqa: BLE001 (a bug costs one message)
                    self._broke("deadline")
        if outputs:
            self._perform(outputs)
        if (fresh or self._given) and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)
        self._arm()

    def _broke(self, what: str) -> None:
        """A bug: it costs the message that met it, not those that came with it. The first of each second is logged."""
        self.faults += 1
        now = self._now()
        if now - self._told_at >= 1.0:
            self._told_at = now
            _log.exception("a %s could not be handled: this is a bug; the edge goes on (%d so far)", what, self.faults)

    def _perform(self, outputs: list[Output]) -> None:
        self._performer.perform(outputs, self._core, self._now())

    def _arm(self) -> None:
        """One timer, at or before the next deadline: set anew only when an earlier one is needed."""
        deadline = self._core.deadline()
        if deadline == inf or (self._timer is not None and self._timer_at <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - self._now()) + _SLACK, self._due)

    def _due(self) -> None:
        self._timer = None
        if not self._scheduled:
            self._turn()
        else:
            self._arm()
