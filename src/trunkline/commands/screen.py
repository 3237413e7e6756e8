"""The ladder of a call of ours, drawn as its messages pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from trunkline.commands.terminal import fit
from trunkline.sip.flow import Flow, host_port
from trunkline.telemetry.hide import of_message
from trunkline.telemetry.ladder import Ladder

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

_US = "this phone"


class _Passed(NamedTuple):
    """What the ladder draws (`telemetry.ladder.Drawn`)."""

    at: float
    direction: str
    side: str
    transport: str
    remote: str
    text: str


class Screen:
    """Sees what passes (`engine.caller.Watch`). Below the ladder, on a terminal, a line says what is waited for."""

    def __init__(self, console: Console, full: bool = False) -> None:
        """`full`: print each message as it is, secrets hidden, below its arrow."""
        self.console = console
        self._full = full
        self._peers: list[str] = []
        self._ladder = Ladder([], [], _US)
        self._status: Status | None = console.status("") if console.is_terminal else None
        self.messages = 0
        self.asked = False
        """Whether somebody has asked for a password."""

    def passed(self, direction: str, flow: Flow, data: bytes, now: float) -> None:
        remote = host_port(flow.remote)
        peer = f"{flow.transport} {remote}"
        if peer not in self._peers:
            self._peers.append(peer)
            self._ladder = Ladder([], self._peers, _US)
            self._print("\n".join(["", *self._ladder.head()]), "bold")
        text = fit(of_message(data))
        self._print(self._ladder.row(_Passed(now, direction, "agent", flow.transport, remote, text)), _style(text))
        if self._full:
            self._print("\n".join(f"            {line}" for line in text.splitlines()), "dim")
        self.messages += 1
        self.asked = self.asked or text.startswith(("SIP/2.0 401", "SIP/2.0 407"))

    def waiting(self, words: str) -> None:
        """Say what goes on; on a terminal only, where it is overwritten."""
        if self._status is not None:
            self._status.update(words)
            self._status.start()

    def done(self) -> None:
        if self._status is not None:
            self._status.stop()

    def say(self, sentence: str, style: str = "") -> None:
        self._print(sentence, style)

    def _print(self, text: str, style: str) -> None:
        self.console.print(Text(text, style))


def _style(text: str) -> str:
    """By what a response says; requests are plain."""
    status = text[8:11] if text.startswith("SIP/2.0 ") else ""
    return {"1": "cyan", "2": "green", "3": "yellow", "4": "red", "5": "red", "6": "red"}.get(status[:1], "")
