"""Performs what the core asks for, in the order the house demands: all journal entries of a turn before any of its
datagrams, and answers that are known at once back into the core in the same turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trunkline.call.core import Core
from trunkline.call.inputs import Input, TransportFailed
from trunkline.call.outputs import (
    CloseFlow,
    CloseMedia,
    Finished,
    Heard,
    Journal,
    Observed,
    OpenMedia,
    Output,
    Resolve,
    Transmit,
)
from trunkline.model.journal import JournalEntry
from trunkline.sip.flow import Flow


class Wire(Protocol):
    """The transports."""

    def send(self, flow: Flow, data: bytes, transaction: str = "") -> str | None: ...

    def close_flow(self, flow: Flow) -> None: ...


class Log(Protocol):
    """The journal."""

    def append(self, entries: Sequence[JournalEntry]) -> None: ...


class Media(Protocol):
    """The media room; its answers come by themselves."""

    def open(self, wish: OpenMedia) -> None: ...

    def close(self, wish: CloseMedia) -> None: ...


class Finder(Protocol):
    """Where URIs lead."""

    def find(self, question: Resolve) -> Input | None:
        """The answer when it is known now; None when it will be given later."""


class Watcher(Protocol):
    """The one observation point."""

    def output(self, out: Observed | Finished) -> None: ...

    def sent(self, call: str, now: float, flow: Flow, data: bytes) -> None: ...

    def heard(self, call: str, now: float, flow: Flow, data: bytes) -> None: ...

    def began(self, entry: JournalEntry) -> None: ...


class Performer:
    """One worker's hands."""

    __slots__ = ("_finder", "_journal", "_media", "_watcher", "_wire", "posted")

    def __init__(self, wire: Wire, journal: Log, media: Media, finder: Finder, watcher: Watcher) -> None:
        self._wire = wire
        self._journal = journal
        self._media = media
        self._finder = finder
        self._watcher = watcher
        self.posted: list[Input] | None = None
        """While a turn is performed: where the media room's immediate answers go."""

    def perform(self, outputs: list[Output], core: Core, now: float) -> None:
        watcher = self._watcher
        while outputs:
            sends: list[Transmit] = []
            entries: list[JournalEntry] = []
            posted: list[Input] = []
            self.posted = posted
            for out in outputs:  # `outputs` grows while it is read
                kind = type(out)
                if kind is Transmit:
                    sends.append(out)  # type: ignore[arg-type]
                elif kind is Heard:
                    watcher.heard(out.call, now, out.flow, out.data)  # type: ignore[union-attr]
                elif isinstance(out, Journal):
                    entries.append(out.entry)
                    watcher.began(out.entry)
                elif isinstance(out, Resolve):
                    answer = self._finder.find(out)
                    if answer is not None:
                        outputs += core.send(answer, now)
                elif isinstance(out, Observed | Finished):
                    watcher.output(out)
                elif isinstance(out, OpenMedia):
                    self._media.open(out)
                elif isinstance(out, CloseMedia):
                    self._media.close(out)
                elif isinstance(out, CloseFlow):
                    self._wire.close_flow(out.flow)
                if posted:
                    for given in posted:
                        outputs += core.send(given, now)
                    posted.clear()
            self.posted = None
            if entries:
                self._journal.append(entries)
            outputs = []
            for send in sends:
                reason = self._wire.send(send.flow, send.data, send.transaction)
                if send.call:
                    watcher.sent(send.call, now, send.flow, send.data)
                if reason is not None and send.transaction:
                    outputs += core.send(TransportFailed(send.flow, send.transaction, reason), now)
