"""Lines in the log: one for a call, one a minute for a burst, and never many at once."""

from __future__ import annotations

import logging

import pytest

from trunkline.call.outputs import Observed
from trunkline.model.call import CallRecord
from trunkline.telemetry.report import Report


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "trunkline.calls")
    return caplog


def record(call: str = "c1", **fields: object) -> CallRecord:
    given: dict[str, object] = {
        "id": call, "organization_id": "org", "direction": "inbound", "phone_number": "+12025550100",
        "caller": "+12025550101", "status": "completed", "cause": "normal", "sip_status": 200, "started_at": 1.0,
        "answered_at": 2.0, "ended_at": 14.5, **fields,
    }  # fmt: skip
    return CallRecord(**given)  # type: ignore[arg-type]


def test_a_call_is_one_line(lines: pytest.LogCaptureFixture) -> None:
    report = Report()
    report.ended(record())
    assert lines.messages == []
    report.write(1.0)
    report.write(2.0)
    assert lines.messages == ["call c1 +12025550101 to +12025550100: completed, normal, 200, 12 s"]
    assert lines.records[0].__dict__["call"]["duration"] == 12


def test_a_failed_call_says_what_would_mend_it(lines: pytest.LogCaptureFixture) -> None:
    report = Report()
    report.ended(
        record(
            status="failed", cause="no-agent", detail="Assign an agent.", sip_status=480, answered_at=None, caller=None
        )
    )
    report.write(1.0)
    assert lines.messages == ["call c1 anonymous to +12025550100: failed, no-agent, 480 (Assign an agent.)"]


def test_a_call_out_names_the_telephone_that_it_went_to(lines: pytest.LogCaptureFixture) -> None:
    report = Report()
    report.ended(
        record(direction="outbound", phone_number="+12025550100", caller="+12025550100", callee="+13035550142")
    )
    report.write(1.0)
    assert lines.messages == ["call c1 +12025550100 to +13035550142: completed, normal, 200, 12 s"]
    assert lines.records[0].__dict__["call"]["to"] == "+13035550142"


def test_many_calls_are_a_few_lines_and_a_count(lines: pytest.LogCaptureFixture) -> None:
    report = Report(lines=3)
    for number in range(10):
        report.ended(record(f"c{number}"))
    report.write(1.0)
    assert len(lines.messages) == 4
    assert lines.messages[-1] == "7 more calls ended"


def test_a_burst_is_a_line_at_once_and_then_a_line_a_minute(lines: pytest.LogCaptureFixture) -> None:
    report = Report()
    for second in range(120):
        for _ in range(5):
            report.refused("udp:192.0.2.1", "unknown-source", float(second))
        report.write(float(second))
    assert lines.messages == [
        "refused 5 from udp:192.0.2.1: unknown-source",
        "refused 300 from udp:192.0.2.1: unknown-source",
    ]


def test_a_burst_that_is_over_leaves_nothing(lines: pytest.LogCaptureFixture) -> None:
    report = Report()
    report.refused("udp:192.0.2.1", "shed", 0.0)
    report.write(0.0)
    report.write(100.0)
    report.write(200.0)
    report.refused("udp:192.0.2.1", "shed", 300.0)
    report.write(300.0)
    assert lines.messages == ["refused 1 from udp:192.0.2.1: shed"] * 2


def test_many_sources_are_a_few_lines_and_a_count(lines: pytest.LogCaptureFixture) -> None:
    report = Report(lines=2)
    for number in range(3000):
        report.refused(f"udp:{number}", "unknown-source", 0.0)
    report.write(0.0)
    report.write(1.0)
    assert lines.messages == [
        "refused 1 from udp:0: unknown-source",
        "refused 1 from udp:1: unknown-source",
        "refused 2998 from other sources",
    ]


def test_trunks_that_come_and_go(lines: pytest.LogCaptureFixture) -> None:
    report = Report()
    report.trunk_state(Observed("trunk-state", reason="unreachable", trunk_id="t1", detail="3 probes lost"))
    report.trunk_state(Observed("trunk-state", reason="reachable", trunk_id="t1"))
    report.write(1.0)
    assert [(each.levelname, each.getMessage()) for each in lines.records] == [
        ("WARNING", "trunk t1 is unreachable: 3 probes lost"),
        ("INFO", "trunk t1 is reachable"),
    ]


def test_agents_that_come_and_go(lines: pytest.LogCaptureFixture) -> None:
    report = Report()
    report.agent_state(Observed("agent-state", reason="unreachable", agent_id="a1", detail="no answer within 4 s"))
    report.write(1.0)
    assert lines.messages == ["agent a1 is unreachable: no answer within 4 s"]
