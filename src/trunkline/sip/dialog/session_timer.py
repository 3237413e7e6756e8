"""Session timers (RFC 4028): one end of one dialog.

Both ends agree on an interval and on who refreshes the session before half of it has passed. Who does not refresh ends
the dialog when nothing came in time. A peer that knows nothing of this is refreshed by us, so that one that is gone is
found out: it answers 481, or not at all.

Intervals are seconds. What is said of them travels in INVITE and UPDATE and their 2xx; every such exchange agrees anew.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from trunkline.sip.message import Request, Response

LEAST: Final = 90
"""No session may be shorter (§5)."""
_LONGEST_MARGIN: Final = 32.0
"""Seconds before the end at which who waits for a refresh gives up; a third of the interval if that is less (§10)."""


class Said(NamedTuple):
    """What one message says of the session timer."""

    interval: int = 0
    """Of Session-Expires; 0 when it says none."""
    refresher: str = ""
    """`uac`, `uas` or nothing."""
    least: int = 0
    """Of Min-SE; 0 when it says none."""
    knows: bool = False
    """Whether its sender supports session timers."""


NOTHING: Final = Said()


def said(message: Request | Response) -> Said:
    """Read it; a value that cannot be read counts as none."""
    expires, least, supported = message.get("session-expires"), message.get("min-se"), message.get("supported")
    if expires is None and least is None and supported is None:
        return NOTHING
    interval, refresher = 0, ""
    if expires is not None:
        value, _, parameters = expires.partition(";")
        interval = _seconds(value)
        for parameter in parameters.split(";"):
            name, _, word = parameter.partition("=")
            if name.strip().lower() == "refresher":
                refresher = word.strip().lower()
    knows = False
    if supported is not None:
        supported = ",".join(message.headers("supported")).lower()
        knows = "timer" in supported and "timer" in [tag.strip() for tag in supported.split(",")]
    return Said(interval, refresher, _seconds(least.partition(";")[0]) if least is not None else 0, knows)


class SessionTimer:
    """The agreement of one dialog, and when something is due by it."""

    __slots__ = ("_asked", "_since", "interval", "knows", "least", "ours", "wish")

    def __init__(self, wish: int, least: int) -> None:
        """`wish`: the interval that we ask for; 0 when we ask for none. `least`: the shortest that we take."""
        self.least = max(least, LEAST)
        self.wish = max(wish, self.least) if wish else 0
        self.interval = 0
        """What was agreed; 0 when nothing was."""
        self.ours = False
        """Whether we refresh."""
        self.knows = False
        """Whether the peer supports session timers."""
        self._since = 0.0
        self._asked = False

    # ── the peer asks ─────────────────────────────────────────────────────────────────────────────────────────────────

    def too_short(self, asked: Said) -> bool:
        """Whether a request is to be refused with 422. A sender that cannot understand that is not (§9)."""
        return asked.knows and 0 < asked.interval < self.least

    def accept(self, asked: Said, now: float) -> str:
        """Agree by our 2xx to a request that said `asked`; the lines for it (§9, table 2)."""
        interval = asked.interval if asked.interval >= self.least else 0
        if not interval and not self.wish:
            self.interval = 0
            return ""
        if not interval:
            interval = max(self.wish, asked.least)
        elif self.wish:
            interval = min(interval, max(self.wish, asked.least))
        if not asked.knows:
            ours = True
        elif asked.refresher:
            ours = asked.refresher == "uas"
        else:
            # In a session the roles stay; at its beginning the peer, which asked, shall do the work.
            ours = self.ours and self.interval > 0
        self.knows = asked.knows
        self._agree(interval, ours, now)
        require = "Require: timer\r\n" if asked.knows else ""
        return f"Session-Expires: {interval};refresher={'uas' if ours else 'uac'}\r\n{require}"

    @property
    def minimum(self) -> str:
        """The line that says what we take at least."""
        return f"Min-SE: {self.least}\r\n"

    # ── we ask ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def lines(self) -> str:
        """What our INVITE or UPDATE says (§7.1, §7.4)."""
        least = self.minimum if self.least > LEAST else ""
        if self.interval:
            return f"Session-Expires: {self.interval};refresher={'uac' if self.ours else 'uas'}\r\n{least}"
        return f"Session-Expires: {self.wish}\r\n{least}" if self.wish else least

    def agreed(self, response: Response, now: float) -> None:
        """A 2xx came to such a request (§7.2)."""
        told = said(response)
        if told.interval:
            self.knows = True
            self._agree(max(told.interval, LEAST), told.refresher != "uas", now)
        elif self.interval or self.wish:
            self.knows = False
            self._agree(self.interval or self.wish, True, now)

    def refused(self, response: Response) -> bool:
        """A 422 came: whether it may be asked again, with the interval that the peer wants at least (§7.3)."""
        least = said(response).least
        if least <= max(self.interval or self.wish, self.least):
            return False
        self.least = least
        if self.wish:
            self.wish = max(self.wish, least)
        if self.interval:
            self.interval = max(self.interval, least)
        return True

    def alive(self, now: float) -> bool:
        """The peer refused a refresh, so it is there. That will do from one that knows of no sessions to refresh."""
        if not self.knows:
            self._agree(self.interval, self.ours, now)
        return not self.knows

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def due(self) -> float | None:
        """When something is to be done next; None for never."""
        if not self.interval:
            return None
        if self.ours and not self._asked:
            return self._since + self.interval / 2
        return self.end

    @property
    def end(self) -> float:
        """When the session is over if nothing is heard until then."""
        return self._since + self._life

    def expire(self, now: float) -> Literal["refresh", "expired", "early"]:
        """What is to be done now: refresh the session, end it, or wait for `due`."""
        due = self.due
        if due is None or now < due:
            return "early"
        if not self.ours or now >= self.end:
            return "expired"
        self._asked = True
        return "refresh"

    def again(self) -> None:
        """A refresh did not come about; the next `expire` asks for another, unless the end is reached."""
        self._asked = False

    @property
    def _life(self) -> float:
        """How long the session lives without a refresh. Who refreshes has until the end to get through."""
        return self.interval if self.ours else self.interval - min(_LONGEST_MARGIN, self.interval / 3)

    def _agree(self, interval: int, ours: bool, now: float) -> None:
        self.interval, self.ours, self._since, self._asked = interval, ours, now, False


def _seconds(text: str) -> int:
    text = text.strip()
    return int(text) if text.isdecimal() and len(text) <= 10 else 0
