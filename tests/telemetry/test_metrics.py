"""The text that Prometheus scrapes, read back by its own parser."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families as families

from trunkline import __version__
from trunkline.call.outputs import Heard, Journal, Observed, Transmit
from trunkline.model.call import CallRecord
from trunkline.model.journal import Answered, Ended
from trunkline.sip.flow import Flow
from trunkline.telemetry.metrics import Metrics
from trunkline.telemetry.observe import Observer
from trunkline.telemetry.report import Report
from trunkline.telemetry.trace import Traces

FLOW = Flow("udp", ("192.0.2.9", 5060), ("192.0.2.1", 5060))
OVER = CallRecord(
    id="c1", organization_id="org", direction="inbound", trunk_id="t1", status="completed", cause="normal",
    started_at=100.0, ringing_at=100.2, answered_at=102.0, ended_at=132.0,
)  # fmt: skip


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families(text)
        for sample in family.samples
    }


def test_everything_that_was_seen() -> None:
    observer = Observer(0.0, Traces(), Report())
    observer.outputs(
        [
            Heard("c1", FLOW, b"INVITE sip:x SIP/2.0\r\n\r\n"),
            Transmit(FLOW, b"SIP/2.0 200 OK\r\n\r\n", "", "c1"),
            Journal(Answered(OVER, ())),
            Journal(Ended(OVER)),
            Observed("refused", "udp:192.0.2.1", 'odd "reason"\n', 403),
        ],
        1.0,
    )
    metrics = Metrics(
        observer,
        [lambda: {"calls": 3}, lambda: {"connections": 2}],
        [lambda: {"udp_dropped": 7}],
        trunks=lambda: {"t1": True, "t2": False},
        agents=lambda: {"a1": True},
    )
    read = samples(metrics.text())
    expected = {
        ("trunkline_build_info", (("version", __version__),)): 1,
        ("trunkline_calls_begun_total", ()): 0,
        ("trunkline_calls_answered_total", ()): 1,
        ("trunkline_calls_ended_total", (("cause", "normal"), ("direction", "inbound"), ("status", "completed"))): 1,
        ("trunkline_trunk_calls_total", (("status", "completed"), ("trunk", "t1"))): 1,
        ("trunkline_events_total", (("kind", "refused"), ("reason", 'odd "reason"\n'), ("status", "403"))): 1,
        ("trunkline_messages_total", (("direction", "in"), ("kind", "INVITE"))): 1,
        ("trunkline_messages_total", (("direction", "out"), ("kind", "200"))): 1,
        ("trunkline_call_setup_seconds_sum", ()): 2,
        ("trunkline_call_setup_seconds_bucket", (("le", "1.0"),)): 0,
        ("trunkline_call_setup_seconds_bucket", (("le", "2.5"),)): 1,
        ("trunkline_call_setup_seconds_bucket", (("le", "+Inf"),)): 1,
        ("trunkline_call_setup_seconds_count", ()): 1,
        ("trunkline_call_duration_seconds_sum", ()): 30,
        ("trunkline_trunk_reachable", (("trunk", "t1"),)): 1,
        ("trunkline_trunk_reachable", (("trunk", "t2"),)): 0,
        ("trunkline_agent_reachable", (("agent", "a1"),)): 1,
        ("trunkline_table", (("table", "calls"),)): 3,
        ("trunkline_table", (("table", "connections"),)): 2,
        ("trunkline_count_total", (("what", "udp_dropped"),)): 7,
    }
    assert {key: read.get(key) for key in expected} == expected


def test_it_is_built_anew_at_each_scrape() -> None:
    observer = Observer(0.0, Traces(), Report())
    metrics = Metrics(observer)
    before = samples(metrics.text())
    observer.begun = 5
    after = samples(metrics.text())
    key = ("trunkline_calls_begun_total", ())
    assert (before[key], after[key]) == (0, 5)
    assert ("process_open_fds", ()) in after
