"""Registrations with foreign peers: ours at Kamailio, and baresip's with us."""

from __future__ import annotations

import itertools
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest import behaviours
from loadtest.peers.baresip import Phone
from loadtest.peers.certificates import Authority
from loadtest.peers.ports import free, udp_taken
from loadtest.process import end, wait_until
from loadtest.scenario import ANSWER, Script
from loadtest.sipp import Party
from tests.interop.registrar import Registrar
from tests.stories.edge import HOST, Edge, until

pytestmark = pytest.mark.foreign

CARRIER, SOFTPHONE, CALLER = "127.0.31.22", "127.0.31.23", "127.0.31.24"
USER, PASSWORD = "alice", "a-long-password"
NUMBER, ECHO = "+12025550123", "+12025550124"
EXPIRES = 6


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path / "edge")
    made.folder.mkdir()
    made.listeners[0]["port"] = free(HOST)
    made.start()
    made.operate()
    yield made
    made.close()
    assert "Traceback" not in made.log, made.log


@pytest.fixture
def carrier(needs: Callable[..., None], authority: Authority, tmp_path: Path) -> Iterator[Registrar]:
    needs("kamailio-tls")
    certificate, key = authority.issue("registrar", CARRIER)
    made = Registrar(tmp_path, CARRIER, (USER, PASSWORD), EXPIRES, (certificate, key, authority.path))
    yield made
    made.stop()


def call(folder: Path, remote: tuple[str, int], number: str) -> int:
    """SIPp calls, and hangs up; how many of its calls succeeded, of one."""
    folder.mkdir(parents=True)
    script = behaviours.call().carrier.write(folder)
    party = Party(
        "carrier", script, folder, (CALLER, free(CALLER)), remote=remote, service=number, calls=1, seconds=15.0
    )
    try:
        return party.wait().succeeded
    finally:
        end(party.process, 1)


def registration(edge: Edge) -> dict[str, object]:
    (item,) = edge.get("/v1/registrations")["data"]
    return dict(item["registration"])


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_kamailio_calls_us_where_we_registered(
    edge: Edge, carrier: Registrar, authority: Authority, needs: Callable[..., None], tmp_path: Path, transport: str
) -> None:
    """Over TCP and TLS over the connection that the edge made: it has no listener for them. By TLS each side shows the
    other a certificate."""
    needs("sipp")
    port = carrier.secure[1] if transport == "tls" else carrier.place[1]
    trust: dict[str, object] = {}
    if transport == "tls":
        certificate, key = authority.issue("account", "edge.example.com")
        profile = {"certificate": certificate.read_text(), "private_key": key.read_text()}
        trust = {"tls": {"ca_bundle": authority.path.read_text(), **profile}}
    trunk = edge.post(
        "/v1/sip/trunks",
        {
            "name": "account",
            "provider": "generic",
            "credentials": {"username": USER, "password": PASSWORD},
            "config": {"server": CARRIER, "port": port, "register": True, "transport": transport, **trust},
        },
    )["id"]
    edge.number(NUMBER, trunk, edge.agent(None))
    until(lambda: registration(edge)["state"] == "registered", "our registration")
    shown = str(registration(edge)["contact"])
    assert shown.endswith(f"@{HOST}:{edge.sip[1]}" if transport == "udp" else f";transport={transport}")
    assert call(tmp_path / "first", carrier.place, NUMBER) == 1, edge.log
    # The registrar forgets us: calls come again within one refresh, and over TCP at once.
    carrier.stop()
    carrier.start()
    tries = itertools.count()
    until(lambda: call(tmp_path / f"again{next(tries)}", carrier.place, NUMBER), "a call", EXPIRES + 5)
    # Who drains takes itself back.
    edge.signal(signal.SIGTERM)
    assert edge.ended(20) == 0
    assert call(tmp_path / "gone", carrier.place, NUMBER) == 0
    assert "the registration of trunk" in edge.log


def phones_of(edge: Edge) -> str:
    """A trunk whose devices register here; its id."""
    body = {
        "name": "phones",
        "provider": "generic",
        "credentials": {"username": USER, "password": PASSWORD},
        "config": {"accepts_registration": True},
    }
    return str(edge.post("/v1/sip/trunks", body)["id"])


def test_sipp_registers_and_is_called(edge: Edge, needs: Callable[..., None], tmp_path: Path) -> None:
    needs("sipp")
    phones = phones_of(edge)
    desk = edge.post("/v1/agents", {"name": "desk", "kind": "sip", "trunk_id": phones})["id"]
    edge.number(NUMBER, edge.trunk("carrier", f"{CALLER}/32"), desk)
    place = (SOFTPHONE, free(SOFTPHONE))
    registering = Party(
        "register", Path(__file__).with_name("register.xml"), tmp_path, place, remote=edge.sip, calls=1, seconds=10.0
    )
    try:
        assert registering.wait().succeeded == 1, registering.last_words()
    finally:
        end(registering.process, 1)
    (device,) = edge.get("/v1/bindings")["data"]
    assert device["source"] == f"{SOFTPHONE}:{place[1]}"
    answering = behaviours.call().agent
    assert answering is not None
    listener = Party("agent", answering.write(tmp_path), tmp_path, place, seconds=20.0)
    try:
        wait_until(lambda: udp_taken(*place), 5, "SIPp as agent", listener.process)
        assert call(tmp_path / "called", edge.sip, NUMBER) == 1, edge.log
    finally:
        end(listener.process, 1)


def test_a_softphone_registers_is_called_and_calls(
    edge: Edge, authority: Authority, needs: Callable[..., None], tmp_path: Path
) -> None:
    needs("sipp", "baresip")
    phones = phones_of(edge)
    carrier = edge.trunk("carrier", f"{CALLER}/32")
    desk = edge.post("/v1/agents", {"name": "desk", "kind": "sip", "trunk_id": phones})["id"]
    edge.number(NUMBER, carrier, desk)
    edge.number(ECHO, carrier, edge.agent(None))
    assert call(tmp_path / "nobody", edge.sip, NUMBER) == 0
    phone = Phone(
        tmp_path / "phone",
        SOFTPHONE,
        authority.issue("softphone", SOFTPHONE),
        authority.path,
        answers=True,
        registers=(f"{HOST}:{edge.sip[1]}", USER, PASSWORD),
    )
    try:
        (device,) = until(lambda: edge.get("/v1/bindings")["data"], "the phone's registration")
        assert (device["trunk_id"], device["source"].partition(":")[0]) == (phones, SOFTPHONE)
        assert call(tmp_path / "called", edge.sip, NUMBER) == 1, phone.last_words()
        phone.wait_for("CALL_CLOSED")
        phone.dial(f"sip:{ECHO}@{HOST}:{edge.sip[1]}")
        assert phone.wait_for("CALL_ESTABLISHED", "CALL_CLOSED")["type"] == "CALL_ESTABLISHED", phone.last_words()
        phone.hang_up()
        phone.wait_for("CALL_CLOSED")
        # Another process knows it still.
        assert edge.stop() == 0
        edge.start()
        assert call(tmp_path / "after", edge.sip, NUMBER) == 1, edge.log
    finally:
        phone.close()


def test_a_softphone_behind_tls_is_called_over_its_connection_and_calls(
    edge: Edge, authority: Authority, needs: Callable[..., None], tmp_path: Path
) -> None:
    needs("sipp", "baresip")
    certificate, private = authority.issue("edge", HOST)
    tls = {"transport": "tls", "host": HOST, "port": free(HOST)}
    assert edge.stop() == 0
    edge.listeners.append({**tls, "certificate": str(certificate), "private_key": str(private)})
    edge.start()
    carrier = edge.trunk("carrier", f"{CALLER}/32")
    phones = {
        "name": "phones",
        "provider": "generic",
        "credentials": {"username": USER, "password": PASSWORD},
        "config": {"accepts_registration": True, "transport": "tls"},
    }
    trunk = edge.post("/v1/sip/trunks", phones)["id"]
    edge.number(NUMBER, carrier, edge.post("/v1/agents", {"name": "desk", "kind": "sip", "trunk_id": trunk})["id"])
    edge.number(ECHO, carrier, edge.agent(None))
    phone = Phone(
        tmp_path / "phone",
        SOFTPHONE,
        authority.issue("softphone", SOFTPHONE),
        authority.path,
        answers=True,
        registers=(f"{HOST}:{tls['port']}", USER, PASSWORD),
        by="tls",
    )
    try:
        (device,) = until(lambda: edge.get("/v1/bindings")["data"], "the phone's registration")
        assert device["transport"] == "tls"
        assert call(tmp_path / "called", edge.sip, NUMBER) == 1, phone.last_words()
        phone.wait_for("CALL_CLOSED")
        phone.dial(f"sip:{ECHO}@{HOST}:{tls['port']};transport=tls")
        assert phone.wait_for("CALL_ESTABLISHED", "CALL_CLOSED")["type"] == "CALL_ESTABLISHED", phone.last_words()
        phone.hang_up()
        phone.wait_for("CALL_CLOSED")
    finally:
        phone.close()
    until(lambda: not edge.get("/v1/bindings")["data"], "the end of its registration")


def test_a_softphone_calls_a_telephone_as_the_number_of_its_trunk(
    edge: Edge, authority: Authority, needs: Callable[..., None], tmp_path: Path
) -> None:
    """It knows itself by its user name alone."""
    needs("sipp", "baresip")
    place = (CARRIER, free(CARRIER))
    carrier = edge.trunk("carrier", f"{CARRIER}/32", server=place[0], port=place[1])
    edge.number(NUMBER, carrier, None)
    edge.post(
        "/v1/sip/trunks",
        {
            "name": "phones",
            "provider": "generic",
            "credentials": {"username": USER, "password": PASSWORD},
            "config": {"accepts_registration": True, "role": "agent", "default_caller": NUMBER},
        },
    )
    telephone = Script("telephone", "agent")
    telephone.receive("INVITE", keep=True, must_have={"From": re.escape(NUMBER), "To": "13035559876"})
    telephone.answer(200, "OK", ANSWER).receive("ACK").receive("BYE").answer(200, "OK")
    listener = Party("telephone", telephone.write(tmp_path), tmp_path, place, calls=1, seconds=20.0)
    phone = Phone(
        tmp_path / "phone",
        SOFTPHONE,
        authority.issue("softphone", SOFTPHONE),
        authority.path,
        registers=(f"{HOST}:{edge.sip[1]}", USER, PASSWORD),
    )
    try:
        wait_until(lambda: udp_taken(*place), 5, "SIPp as a carrier", listener.process)
        until(lambda: edge.get("/v1/bindings")["data"], "the phone's registration")
        phone.dial(f"sip:+13035559876@{HOST}:{edge.sip[1]}")
        assert phone.wait_for("CALL_ESTABLISHED", "CALL_CLOSED")["type"] == "CALL_ESTABLISHED", phone.last_words()
        phone.hang_up()
        phone.wait_for("CALL_CLOSED")
        assert listener.wait().succeeded == 1, listener.last_words()
    finally:
        phone.close()
        end(listener.process, 1)
    (record,) = edge.calls()
    assert (record["direction"], record["from"], record["to"]) == ("outbound", NUMBER, "+13035559876")
