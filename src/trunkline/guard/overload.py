"""Overload: refuse new calls early, so that the admitted ones stay whole (RFC 7339's aim, without its signalling).

What is measured is how long a message waited between its arrival at the socket and its turn. A burst that is worked
off is no overload; a queue that never empties is. So, as in CoDel (RFC 8289), the *smallest* wait of an interval
counts: when even that is above the target, every message of the interval waited.

From then on a share of new INVITEs is refused. The share rises while the wait stays above the target and falls by half
an interval, and at the first interval with a wait well below the target nothing is refused any more: what is left is a
burst, and refusing it would help nobody. In-dialog requests and responses are never refused here.

`receive` is told each turn's wait, `refuses` asks about one INVITE, `expire` may be called at `deadline` when the edge
is idle, so that silence counts as recovery.
"""

from __future__ import annotations

from math import inf
from typing import Literal

State = Literal["normal", "shedding"]


class Overload:
    """One per pump. All times in seconds."""

    __slots__ = ("_last", "_least", "_since", "interval", "limit", "refused", "share", "target")

    def __init__(self, target: float = 0.02, interval: float = 0.1, limit: float = 0.5) -> None:
        """`target`: wait that is fine for ever. `interval`: how long it may be exceeded. `limit`: wait at which every
        new INVITE is refused at once, because its sender retransmits it (T1) before we would read it."""
        self.target = target
        self.interval = interval
        self.limit = limit
        self.share = 0.0
        """Of new INVITEs that are refused, 0 to 1."""
        self.refused = 0
        self._least: float | None = None
        self._since: float | None = None
        self._last = 0.0

    @property
    def state(self) -> State:
        return "shedding" if self.share else "normal"

    def receive(self, wait: float, now: float) -> None:
        """A turn took messages of which the oldest had waited `wait` seconds."""
        if self._since is None or now - wait - self._last >= self.interval:
            # Nothing was waiting for a whole interval before the oldest of these came.
            self._since, self._least, self.share = now, None, 0.0
        self._last = now
        if self._least is None or wait < self._least:
            self._least = wait
        if wait >= self.limit:
            self.share = 1.0
        if now - self._since >= self.interval:
            self._judge(now)

    def expire(self, now: float) -> None:
        """The deadline has passed. An interval in which nothing waited is the end of an overload."""
        if self._since is not None and now - self._since >= self.interval:
            self._judge(now)

    @property
    def deadline(self) -> float:
        """When to call `expire`; infinite while nothing is refused."""
        if not self.share or self._since is None:
            return inf
        return self._since + self.interval

    def refuses(self, chance: float) -> bool:
        """Whether to refuse this new INVITE. `chance`: evenly spread, 0 <= chance < 1."""
        if chance < self.share:
            self.refused += 1
            return True
        return False

    def retry_after(self, chance: float) -> int:
        """Seconds for Retry-After: short, because recovery is quick, and spread, so that not all return at once."""
        return 1 + int(chance * (1 + 4 * self.share))

    def _judge(self, now: float) -> None:
        least = self._least if self._least is not None else 0.0
        if least < self.target / 2:
            self.share = 0.0
        elif least < self.target:
            self.share = self.share / 2 if self.share > 0.05 else 0.0
        else:
            # The further above the target, the faster.
            excess = min(1.0, least / self.target - 1.0)
            self.share = min(0.95, max(self.share, 0.1) + 0.1 + 0.2 * excess)
        self._since = now
        self._least = None
