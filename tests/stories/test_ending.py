"""The edge is asked to end, or to read its settings again."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from loadtest.peers.certificates import Authority
from tests.stories.conftest import NETWORK, NUMBER
from tests.stories.edge import HOST, PATIENCE, Edge, until
from tests.stories.phone import Dialled, Phone, options


def test_it_drains(routed: Edge, carrier: Phone, agent: Phone) -> None:
    call = Dialled(carrier, routed.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    assert routed.ask("GET", "/readyz").status == 200

    routed.signal(signal.SIGTERM)
    until(lambda: "draining" in routed.log, "the drain")
    refusal = Dialled(carrier, routed.sip, NUMBER).refused(503)
    assert int(refusal.header("Retry-After")) > 0
    ping = options(carrier, routed.sip)
    assert (ping.status, int(ping.header("Retry-After")) > 0) == (503, True)
    answer = routed.ask("GET", "/readyz")
    assert answer.status == 503
    assert "draining" in answer.text
    assert routed.ask("GET", "/healthz").status == 200

    # The live dialog works on: a re-INVITE crosses.
    call.invite_again()
    again = agent.expect("INVITE")
    agent.answer(again, "200 OK", agent.sdp("0") + "a=recvonly\r\n")
    agent.expect("ACK")
    call.answered()
    assert routed.code is None

    call.bye()
    taken.ends()
    assert routed.ended() == 0
    agent.hears_nothing(0.1)

    routed.start()
    (logged, *refused) = routed.calls()
    assert (logged["status"], refused) == ("completed", [])
    assert routed.call(logged["id"])["hung_up_by"] == "caller"
    assert "left open" not in routed.log


def test_at_the_limit_calls_are_ended(edge: Edge, carrier: Phone, agent: Phone) -> None:
    edge.sections["sip"]["drain_limit"] = 0.5
    edge.start()
    edge.operate()
    edge.number(NUMBER, edge.trunk("carrier", NETWORK), edge.agent(f"sip:agent@{agent.at}"))
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    edge.signal(signal.SIGTERM)
    call.ends()
    taken.ends()
    assert edge.ended() == 0
    assert "drain-limit" in edge.log
    edge.start()
    (logged,) = edge.calls()
    assert (logged["status"], edge.call(logged["id"])["cause"]) == ("completed", "drain-limit")


def test_a_second_signal_ends_it_at_once(routed: Edge, carrier: Phone, agent: Phone) -> None:
    call = Dialled(carrier, routed.sip, NUMBER)
    agent.takes()
    call.answered()
    ringing = Dialled(carrier, routed.sip, NUMBER)
    invite = agent.expect("INVITE")
    agent.answer(invite, "180 Ringing")
    ringing.rings()
    routed.signal(signal.SIGTERM)
    until(lambda: "draining" in routed.log, "the drain")
    began = time.monotonic()
    routed.signal(signal.SIGTERM)
    # Nobody answers the BYEs: it does not wait for that.
    assert routed.ended() == 0
    assert time.monotonic() - began < 3
    carrier.expect("BYE", call=call.call_id)
    agent.expect("BYE")
    agent.expect("CANCEL")
    ringing.refused(503)
    routed.start()
    assert sorted(found["status"] for found in routed.calls(2)) == ["completed", "failed"]
    assert "left open" not in routed.log


def test_it_ends_without_calls_and_leaves_nothing_open(edge: Edge, carrier: Phone) -> None:
    """The interpreter in its development mode finds fault with tasks, sockets and coroutines that are left."""
    edge.start("--demo", debug=True)
    edge.key = edge.demo_key()
    call = Dialled(carrier, edge.sip, "+12025550100")
    call.answered()
    edge.get("/v1/calls/live")
    call.bye()
    edge.signal(signal.SIGTERM)
    assert edge.ended() == 0
    for fault in ("Warning", "never awaited", "was destroyed", "unclosed", "Exception ignored", "left open"):
        assert fault not in edge.log, edge.log


@pytest.mark.parametrize("after", [0.0, 0.1, 0.3])
def test_a_signal_while_it_starts(edge: Edge, after: float) -> None:
    edge.begin("--demo")
    until(lambda: edge.data.exists() or edge.code is not None, "its first act", 30)
    time.sleep(after)
    edge.signal(signal.SIGTERM)
    assert edge.ended() == 0


def test_it_reads_its_settings_again(routed: Edge, carrier: Phone, agent: Phone) -> None:
    call = Dialled(carrier, routed.sip, NUMBER)
    taken = agent.takes()
    call.answered()

    routed.sections["sip"]["max_calls"] = 1
    routed.sections["log"] = {"format": "json"}
    routed.sections["media"]["first_port"] = 23002
    routed.write()
    routed.signal(signal.SIGHUP)
    until(lambda: "a restart" in routed.log, "the reload")
    words = routed.log.splitlines()
    assert any(line.startswith("{") and "reloaded" in line and "sip.max_calls" in line for line in words)
    assert any("restart" in line and "media.first_port" in line and "max_calls" not in line for line in words)
    assert Dialled(carrier, routed.sip, NUMBER).refused(503).header("Retry-After")

    # A broken file changes nothing, and says where.
    routed.sections["sip"]["max_calls"] = "many"
    routed.write()
    routed.signal(signal.SIGHUP)
    until(lambda: "nothing was reloaded" in routed.log, "the refusal")
    assert "sip.max_calls" in routed.log.splitlines()[-1]
    Dialled(carrier, routed.sip, NUMBER).refused(503)

    routed.sections["sip"]["max_calls"] = 0
    routed.write()
    routed.signal(signal.SIGHUP)
    until(lambda: routed.log.count("reloaded: ") == 2, "the reload")
    second = Dialled(carrier, routed.sip, NUMBER)
    other = agent.takes()
    second.answered()
    for each, end in ((call, taken), (second, other)):
        each.bye()
        end.ends()


def test_the_service_manager_is_told(edge: Edge, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        edge.environ["NOTIFY_SOCKET"] = manager.getsockname()
        edge.start("--demo")
        assert edge.process is not None
        ready = manager.recv(4096).decode().splitlines()
        assert ready[:2] == ["READY=1", f"MAINPID={edge.process.pid}"]
        assert "udp:" in ready[2]
        assert [manager.recv(4096) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        edge.signal(signal.SIGHUP)
        words = [word for word in (manager.recv(4096) for _ in range(3)) if word != b"WATCHDOG=1"]
        assert [word.partition(b"=")[0] for word in words[:2]] == [b"RELOADING", b"READY"]
        edge.signal(signal.SIGTERM)
        assert edge.ended() == 0
        manager.settimeout(0)
        told = []
        with suppress(BlockingIOError):
            while word := manager.recv(4096):
                told.append(word.decode())
        (draining, ending) = [word for word in told if word.startswith("STOPPING=1")]
        assert "EXTEND_TIMEOUT_USEC=330000000" in draining
        assert "EXTEND_TIMEOUT_USEC=30000000" in ending


def test_certificates_are_read_again(edge: Edge, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("first", HOST)
    shown = [tmp_path / "shown.pem", tmp_path / "shown.key"]
    _copy([certificate, key], shown)
    edge.listeners.append({"transport": "tls", "host": HOST, "port": 0, "certificate": str(shown[0])})
    edge.listeners[-1]["private_key"] = str(shown[1])
    edge.start("--demo")
    edge.key = edge.demo_key()
    before = _expiries(edge)
    assert len(before) == 1

    _copy(authority.issue("second", HOST), shown)
    edge.signal(signal.SIGHUP)
    until(lambda: "reloaded: the certificates" in edge.log, "the reload")
    assert _expiries(edge).keys() == before.keys()

    shown[0].write_text("no certificate")
    edge.signal(signal.SIGHUP)
    until(lambda: "stays as it was" in edge.log, "the refusal")
    assert str(shown[0]) in edge.log
    assert _expiries(edge).keys() == before.keys()


def _copy(sources: list[Path] | tuple[Path, ...], targets: list[Path]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.write_bytes(source.read_bytes())


def _expiries(edge: Edge) -> dict[str, float]:
    lines = edge.ask("GET", "/metrics").text.splitlines()
    found = [line.split() for line in lines if line.startswith("trunkline_certificate_expires_seconds{")]
    return {name: float(value) for name, value in found}
