"""One observation point: every output is counted where it belongs, and nothing a peer invents grows without bound."""

from __future__ import annotations

import pytest

from trunkline.call.outputs import Heard, Journal, Observed, Transmit
from trunkline.model.call import CallRecord
from trunkline.model.journal import Answered, Began, Ended, Rejoined
from trunkline.sip.flow import Flow
from trunkline.telemetry.observe import Observer
from trunkline.telemetry.report import Report
from trunkline.telemetry.trace import Traces

FLOW = Flow("udp", ("192.0.2.9", 5060), ("192.0.2.1", 5060))
RECORD = CallRecord(
    id="c1", organization_id="org", direction="inbound", trunk_id="t1", status="in-progress", started_at=100.0
)


def changed(**fields: object) -> CallRecord:
    return CallRecord(**{**{name: getattr(RECORD, name) for name in RECORD.__struct_fields__}, **fields})


@pytest.fixture
def observer() -> Observer:
    return Observer(1000.0, Traces(), Report())


def test_a_call_from_beginning_to_end(observer: Observer) -> None:
    answered = changed(ringing_at=100.2, answered_at=102.0)
    over = changed(status="completed", cause="normal", ringing_at=100.2, answered_at=102.0, ended_at=132.0)
    invite, ok = b"INVITE sip:x SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n"
    observer.outputs(
        [
            Heard("c1", FLOW, invite),
            Journal(Began(RECORD)),
            Journal(Answered(answered, ())),
            Transmit(FLOW, ok, "", "c1"),
            Journal(Rejoined(answered, ())),
            Journal(Ended(over)),
        ],
        1.0,
    )
    assert (observer.begun, observer.answered) == (1, 1)
    assert dict(observer.ended) == {("inbound", "completed", "normal"): 1}
    assert dict(observer.trunk_calls) == {("t1", "completed"): 1}
    assert (observer.heard, observer.transmitted) == ({b"INVITE": 1}, {b"200": 1})
    assert (observer.ring_delays.count, observer.setup_delays.sum, observer.durations.sum) == (1, 2.0, 30.0)
    assert [(entry.direction, entry.data) for entry in observer.traces.of("c1") or ()] == [("in", invite), ("out", ok)]
    shown = observer.traces.shown("c1", 0.0)
    assert shown is not None
    assert shown.organization_id == "org"


def test_a_call_that_was_never_answered_has_no_duration(observer: Observer) -> None:
    observer.output(Journal(Ended(changed(status="no-answer", ended_at=130.0))), 1.0)
    assert (observer.durations.count, dict(observer.ended)) == (0, {("inbound", "no-answer", "unknown"): 1})


def test_messages_outside_calls_are_counted_and_not_traced(observer: Observer) -> None:
    observer.output(Transmit(FLOW, b"OPTIONS sip:x SIP/2.0\r\n\r\n"), 1.0)
    observer.output(Transmit(FLOW, b"OPTIONS sip:x SIP/2.0\r\n\r\n"), 1.0)
    assert (observer.transmitted, len(observer.traces)) == ({b"OPTIONS": 2}, 0)


def test_refusals_are_counted_by_source_and_minute(observer: Observer) -> None:
    for kind, reason, status in (
        ("refused", "unknown-source", 403),
        ("challenged", "credentials", 401),
        ("dropped", "", 0),
        ("shed", "shed", 503),
        ("malformed", "no CSeq", 400),
    ):
        observer.output(Observed(kind, "udp:192.0.2.1", reason, status), 30.0)
    assert [(each.minute, each.source, each.reason, each.status) for each in observer.refusals.take()] == [
        (1020, "192.0.2.1", "unknown-source", 403),
        (1020, "192.0.2.1", "credentials", 401),
        (1020, "192.0.2.1", "dropped", 0),
        (1020, "192.0.2.1", "shed", 503),
        (1020, "192.0.2.1", "no CSeq", 400),
    ]
    assert observer.events["shed", "shed", "503"] == 1


def test_a_refusal_that_has_a_record_is_not_counted_twice(observer: Observer) -> None:
    observer.output(Observed("refused", "udp:192.0.2.1", "trunk-full", 503, "org", "t1"), 1.0)
    observer.output(Observed("stray", "udp:192.0.2.1", "response", 200), 1.0)
    assert observer.refusals.take() == []
    assert observer.events["refused", "trunk-full", "503"] == 1
    assert observer.events["stray", "response", "200"] == 1


def test_what_peers_invent_is_bounded(observer: Observer) -> None:
    for number in range(20_000):
        observer.output(Observed("refused", f"udp:10.0.{number >> 8}.{number & 255}", f"r{number}", 400), 1.0)
        observer.output(Heard("", FLOW, b"M%d sip:x SIP/2.0" % number), 1.0)
        observer.output(Journal(Ended(changed(cause=f"c{number}", trunk_id=f"t{number}"))), 1.0)
    assert len(observer.events) <= 513
    assert len(observer.ended) <= 513
    assert len(observer.trunk_calls) <= 1025
    assert len(observer.heard) <= 97
    assert sum(observer.heard.values()) == 20_000
    assert sum(each.count for each in observer.refusals.take()) == 20_000
