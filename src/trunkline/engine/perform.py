"""Performs what the core asks for, in the order the house demands: all journal entries of a turn before any of its
datagrams, and answers that are known at once back into the core in the same turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from trunkline.call.core import Core
from trunkline.call.inputs import Input, TransportFailed
from trunkline.call.outputs import (
    Allow,
    CloseFlow,
    CloseMedia,
    Done,
    Fetch,
    Heard,
    Journal,
    OpenMedia,
    Output,
    Ping,
    Refuse,
    Resolve,
    Transmit,
    Tried,
    Trust,
)
from trunkline.model.journal import JournalEntry
from trunkline.sip.flow import Flow


class Wire(Protocol):
    """The transports."""

    def send(self, flow: Flow, data: bytes, transaction: str = "") -> str | None: ...

    def close_flow(self, flow: Flow) -> None: ...

    def ping(self, flow: Flow) -> None: ...
    def refuse(self, source: str, everywhere: bool) -> None: ...

    def allow(self, source: str) -> None: ...

    def trust(self, flow: Flow) -> None: ...


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


class Library(Protocol):
    """Where certificates come from."""

    def fetch(self, url: str, call: str) -> Input | None:
        """The answer when it is known now; None when it will be given later."""


class Watcher(Protocol):
    """The one observation point."""

    def outputs(self, outs: Iterable[Output], now: float) -> None: ...


_SELDOM: Final = frozenset({CloseFlow, Fetch, Ping, Trust, Refuse, Allow, Tried, Done})


class Performer:
    """One worker's hands."""

    __slots__ = ("_finder", "_journal", "_library", "_media", "_posted", "_watcher", "_wire", "commands", "trials")

    def __init__(
        self, wire: Wire, journal: Log, media: Media, finder: Finder, watcher: Watcher, library: Library
    ) -> None:
        self._wire = wire
        self._journal = journal
        self._media = media
        self._finder = finder
        self._watcher = watcher
        self._library = library
        self._posted: list[Input] | None = None
        self.commands: dict[str, Callable[[Done], None]] = {}
        """Who waits for what came of a command, by its token."""
        self.trials: dict[str, Callable[[Tried], None]] = {}
        """Who waits for what a trial came to, by its id."""

    def post(self, given: Input) -> bool:
        """Take an answer that comes while a turn is performed into that same turn; False when there is none."""
        if self._posted is None:
            return False
        self._posted.append(given)
        return True

    def perform(self, outputs: list[Output], core: Core, now: float) -> None:
        while outputs:
            sends: list[Transmit] = []
            entries: list[JournalEntry] = []
            posted: list[Input] = []
            self._posted = posted
            for out in outputs:  # `outputs` grows while it is read
                if type(out) is Transmit:
                    sends.append(out)
                elif type(out) is Heard:
                    # For the watcher alone.
                    continue
                elif type(out) is Journal:
                    entries.append(out.entry)
                elif type(out) is Resolve:
                    answer = self._finder.find(out)
                    if answer is not None:
                        outputs += core.send(answer, now)
                elif type(out) is OpenMedia:
                    self._media.open(out)
                elif type(out) is CloseMedia:
                    self._media.close(out)
                elif type(out) in _SELDOM:
                    self._seldom(out)
                if posted:
                    for given in posted:
                        outputs += core.send(given, now)
                    posted.clear()
            self._posted = None
            if entries:
                self._journal.append(entries)
            self._watcher.outputs(outputs, now)
            outputs = []
            for send in sends:
                reason = self._wire.send(send.flow, send.data, send.transaction)
                if reason is not None and send.transaction:
                    outputs += core.send(TransportFailed(send.flow, send.transaction, reason), now)

    def _seldom(self, out: Output) -> None:
        """What is said to the transports about whom they hear, to who waits for a trial, and what is asked of the
        library."""
        if isinstance(out, CloseFlow):
            self._wire.close_flow(out.flow)
        elif isinstance(out, Ping):
            self._wire.ping(out.flow)
        elif isinstance(out, Fetch):
            answer = self._library.fetch(out.url, out.call)
            if answer is not None:
                self.post(answer)
        elif isinstance(out, Trust):
            self._wire.trust(out.flow)
        elif isinstance(out, Refuse):
            self._wire.refuse(out.source, out.everywhere)
        elif isinstance(out, Allow):
            self._wire.allow(out.source)
        elif isinstance(out, Done):
            asked = self.commands.pop(out.token, None)
            if asked is not None:
                asked(out)
        elif isinstance(out, Tried):
            waiting = self.trials.pop(out.trial, None)
            if waiting is not None:
                waiting(out)
