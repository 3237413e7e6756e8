"""The one observation point: it sees every output of the core and turns it into counts, traces and lines to be logged.

It is called for each turn of the pump, so nothing here formats, logs or looks at a clock: a message costs a few
additions. `metrics` reads the counts when scraped, `report` writes what is worth a line once a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from trunkline.call.outputs import Heard, Journal, Observed, Output, Transmit
from trunkline.model.call import CallRecord
from trunkline.model.journal import Answered, Began, Ended
from trunkline.telemetry.refusals import RefusalCounts
from trunkline.telemetry.report import Report
from trunkline.telemetry.tally import Histogram, Tally
from trunkline.telemetry.trace import Traces

# Tuples of no fixed length: of a fixed one of floats mypyc believes that it was never set.
DELAYS: Final[tuple[float, ...]] = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
DURATIONS: Final[tuple[float, ...]] = (1.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)

_REFUSALS: Final = frozenset({"refused", "challenged", "dropped", "malformed", "shed", "draining"})
_BANS: Final = frozenset({"banned", "ban-ended"})
_MOST_TRUNKS: Final = 1024
_MOST_KINDS: Final = 96


class Observer:
    """What has been since the start. Fields are read by `metrics`; only `outputs` and `output` change them."""

    __slots__ = (
        "answered", "begun", "durations", "ended", "epoch", "events", "heard", "refusals", "report", "ring_delays",
        "setup_delays", "traces", "transmitted", "trunk_calls",
    )  # fmt: skip

    def __init__(self, epoch: float, traces: Traces, report: Report) -> None:
        """`epoch`: Unix seconds at which the monotonic clock stood at zero."""
        self.epoch = epoch
        self.traces = traces
        self.report = report
        self.refusals = RefusalCounts()
        self.begun = 0
        self.answered = 0
        self.ended = Tally(3, 512)
        """By direction, status and cause."""
        self.trunk_calls = Tally(2, _MOST_TRUNKS)
        """Ended calls by trunk and status."""
        self.events = Tally(3, 512)
        """What was observed, by kind, reason and SIP status."""
        self.heard: dict[bytes, int] = {}
        """Messages of calls that came, by method or status."""
        self.transmitted: dict[bytes, int] = {}
        """Messages that were sent, by method or status."""
        self.ring_delays = Histogram(DELAYS)
        """Seconds from the caller's INVITE until an agent rang."""
        self.setup_delays = Histogram(DELAYS)
        """Seconds from the caller's INVITE until an agent answered."""
        self.durations = Histogram(DURATIONS)
        """Seconds from answer to end."""

    def outputs(self, outs: Iterable[Output], now: float) -> None:
        """What one turn gave. `now`: monotonic seconds."""
        transmitted, trace = self.transmitted, self.traces.add
        for out in outs:
            if type(out) is Transmit:
                data = out.data
                kind = data[8:11] if data[:4] == b"SIP/" else data[: data.find(b" ", 0, 12)]
                if kind in transmitted:
                    transmitted[kind] += 1
                else:
                    _first(transmitted, kind)
                if out.call:
                    trace(out.call, now, "out", out.flow, data)
            else:
                self.output(out, now)

    def output(self, out: Output, now: float) -> None:
        """One of them."""
        kind = type(out)
        if kind is Transmit:
            self.outputs((out,), now)
        elif isinstance(out, Heard):
            data = out.data
            _first(self.heard, data[8:11] if data[:4] == b"SIP/" else data[: data.find(b" ", 0, 12)])
            self.traces.add(out.call, now, "in", out.flow, data)
        elif isinstance(out, Journal):
            entry = out.entry
            if isinstance(entry, Ended):
                self._ended(entry.record)
            elif isinstance(entry, Answered):
                self._answered(entry.record)
            elif isinstance(entry, Began):
                self.begun += 1
                self.traces.own(entry.record.id, entry.record.organization_id, entry.record.direction)
        elif isinstance(out, Observed):
            self._observed(out, now)

    def _answered(self, record: CallRecord) -> None:
        self.answered += 1
        if record.ringing_at is not None:
            self.ring_delays.add(record.ringing_at - record.started_at)
        if record.answered_at is not None:
            self.setup_delays.add(record.answered_at - record.started_at)

    def _ended(self, record: CallRecord) -> None:
        cause = record.cause or "unknown"
        self.ended.add((record.direction, record.status, cause))
        self.trunk_calls.add((record.trunk_id or "", record.status))
        self.traces.ended(record.id, record.organization_id, record.direction)
        if record.answered_at is not None and record.ended_at is not None:
            self.durations.add(record.ended_at - record.answered_at)
        self.report.ended(record)

    def _observed(self, out: Observed, now: float) -> None:
        if out.kind == "trunk-state":
            self.report.trunk_state(out)
            return
        if out.kind == "registration":
            self.report.registration(out)
        if out.kind == "agent-state":
            self.report.agent_state(out)
            return
        self.events.add((out.kind, out.reason, str(out.status)))
        if out.kind in _BANS:
            self.report.ban(out)
            return
        if out.kind in _REFUSALS and not out.trunk_id:
            # A refusal of a known trunk has a record of its own.
            reason = out.reason or out.kind
            self.refusals.add(now + self.epoch, out.source, reason, out.status)
            if out.kind != "challenged":
                # Every call that proves who it is begins with a challenge: worth a count, not a line.
                self.report.refused(out.source, reason, now)


def _first(counts: dict[bytes, int], kind: bytes) -> None:
    """Count a method or a status that may be new; only so many are told apart."""
    if kind not in counts and len(counts) >= _MOST_KINDS:
        kind = b"other"
    counts[kind] = counts.get(kind, 0) + 1
