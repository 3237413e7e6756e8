"""An edge that looks for an agent among foreign peers: groups that fail over, names that a foreign name server leads to
several addresses, and INVITEs that are too large for UDP."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtest.edges import trunkline
from loadtest.peers.bridge import Bridge
from loadtest.peers.certificates import Authority
from loadtest.peers.ports import free, listening, udp_taken
from loadtest.process import end, wait_until
from loadtest.scenario import ANSWER, OFFER, Script
from loadtest.sipp import Count, Party
from tests.transport.dnsmasq import Dnsmasq

pytestmark = pytest.mark.foreign

_NET = f"127.{200 + os.getpid() % 50}"
EDGE, CARRIER = f"{_NET}.0.1", f"{_NET}.1.1"
DEAD, REFUSER, ANSWERER = f"{_NET}.2.1", f"{_NET}.2.2", f"{_NET}.2.3"
SILENT = f"{_NET}.2.4"
OPENAI, BEYOND_OPENAI, ELEVENLABS = f"{_NET}.3.1", f"{_NET}.3.2", f"{_NET}.3.3"
GROUP, ENGINES, NAMED, LARGE, WEIGHTED, MOVED, MUTE = [f"+1202555030{n}" for n in range(7)]
_OWNER = {"organization_id": "org_hunting"}


def agent(name: str, **fields: object) -> dict[str, object]:
    return {**_OWNER, "id": f"agent_{name}", "name": name, "kind": "sip", **fields}


def number(e164: str, agent: str) -> dict[str, object]:
    return {
        **_OWNER, "id": f"phone_{e164[1:]}", "e164": e164, "trunk_id": "trunk_carrier", "agent_id": f"agent_{agent}"
    }  # fmt: skip


class Place:
    """One edge, its name server, and the ports of its peers."""

    def __init__(self, folder: Path, authority: Authority, dns: Dnsmasq) -> None:
        self.folder = folder
        self.authority = authority
        self.dns = dns
        self.port = free(EDGE)
        self.ports = {host: free(host) for host in (DEAD, REFUSER, ANSWERER, SILENT, OPENAI, BEYOND_OPENAI, ELEVENLABS)}
        self.api = ("127.0.0.1", free("127.0.0.1"))
        self.process: subprocess.Popen[bytes] | None = None

    def uri(self, host: str, transport: str = "udp") -> str:
        return f"sip:agent@{host}:{self.ports[host]}" + (";transport=tcp" if transport == "tcp" else "")

    def start(self) -> None:
        ports = self.ports
        self.dns.serve(
            f"host-record=carrier.test,{CARRIER}",
            f"srv-host=_sip._udp.bots.test,dead.test,{ports[DEAD]},10,1",
            f"srv-host=_sip._udp.bots.test,alive.test,{ports[ANSWERER]},20,1",
            "naptr-record=bots.test,10,10,S,SIP+D2U,,_sip._udp.bots.test",
            f"srv-host=_sip._udp.mute.test,silent.test,{ports[SILENT]},10,1",
            f"srv-host=_sip._udp.mute.test,alive.test,{ports[ANSWERER]},20,1",
            "naptr-record=mute.test,10,10,S,SIP+D2U,,_sip._udp.mute.test",
            f"host-record=silent.test,{SILENT}",
            f"host-record=dead.test,{DEAD}",
            f"host-record=alive.test,{ANSWERER}",
        )
        trust = {"ca_bundle": self.authority.path.read_text()}
        routing = {
            "organizations": [{"id": "org_hunting", "name": "Hunting"}],
            "trunks": [
                # No networks: it is known by where its name leads.
                {**_OWNER, "id": "trunk_carrier", "name": "carrier", "host": "carrier.test"},
                {
                    **_OWNER, "id": "trunk_openai", "name": "openai", "provider": "openai", "host": OPENAI,
                    "port": ports[OPENAI], "transport": "tls", "tls": trust, "settings": {"project_id": "proj_1"},
                },
                {
                    **_OWNER, "id": "trunk_eleven", "name": "elevenlabs", "provider": "elevenlabs", "host": ELEVENLABS,
                    "port": ports[ELEVENLABS], "transport": "tcp",
                },
            ],
            "agents": [
                agent("dead", uri=self.uri(DEAD, "tcp")),
                agent("refuser", uri=self.uri(REFUSER)),
                agent("answerer", uri=self.uri(ANSWERER)),
                agent("named", uri="sip:agent@bots.test"),
                agent("mute", uri="sip:agent@mute.test"),
                agent("openai", kind="openai", trunk_id="trunk_openai"),
                agent("eleven", kind="elevenlabs", trunk_id="trunk_eleven"),
                agent("group", kind="group", members=["agent_dead", "agent_refuser", "agent_answerer"]),
                agent("engines", kind="group", members=["agent_openai", "agent_eleven", "agent_answerer"]),
                agent("weighted", kind="group", strategy="weighted", members=["agent_refuser", "agent_answerer"],
                      steps={"agent_refuser": {"weight": 0}}),
            ],
            "numbers": [
                number(GROUP, "group"), number(ENGINES, "engines"), number(NAMED, "named"), number(LARGE, "answerer"),
                number(WEIGHTED, "weighted"), number(MOVED, "refuser"), number(MUTE, "mute"),
            ],
        }  # fmt: skip
        listeners: list[dict[str, object]] = [
            {"transport": transport, "host": EDGE, "port": self.port} for transport in ("udp", "tcp")
        ]
        sections: trunkline.Sections = {
            "sip": {"attempt_timeout": 1.0, "name_servers": [self.dns.address]},
            "api": {"host": self.api[0], "port": self.api[1]},
        }
        trunkline.write(self.folder, listeners, routing, sections)
        self.process = trunkline.serve(self.folder)
        wait_until(lambda: trunkline.ready(self.api), 30, f"the edge (see {self.folder}/trunkline.out)", self.process)
        time.sleep(1.0)  # its duty has looked the carrier's name up

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)

    def words(self) -> str:
        return (self.folder / "trunkline.out").read_text(errors="replace")[-3000:]

    def agent_legs(self, e164: str) -> list[dict[str, object]]:
        """The attempts of the newest call to this number, once it is in the log."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for legs in trunkline.legs(self.folder, 1):
                if e164 in str(legs[0]["uri"]):
                    return legs[1:]
            time.sleep(0.1)
        raise AssertionError("the call is not in the log")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Place]:
    dns = Dnsmasq(tmp_path_factory.mktemp("dns"))
    running = Place(tmp_path_factory.mktemp("hunting"), authority, dns)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        dns.stop()


class Scene:
    """SIPp parties of one test."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.folder = folder
        self._undo = ExitStack()

    def stand(self, name: str, script: Script, host: str, transport: str = "u1") -> Party:
        """Somebody who waits for calls."""
        where = (host, self.place.ports[host])
        folder = self.folder / name
        folder.mkdir()
        party = Party(
            name, script.write(folder), folder, where, transport=transport, seconds=30,
            options=("-trace_msg", "-message_file", str(folder / "messages")),
        )  # fmt: skip
        self._undo.callback(end, party.process, 1)
        ready = listening if transport == "t1" else udp_taken
        wait_until(lambda: ready(*where), 5, f"SIPp as {name}", party.process)
        return party

    def bridge(self, host: str, onward: str) -> None:
        """TLS at `host`, and UDP from there."""
        certificate = self.place.authority.issue("engine", host)
        next_hop = (onward, self.place.ports[onward])
        made = Bridge(
            self.folder / "bridge", host, ("udp", *next_hop), certificate, self.place.authority.path,
            self.place.ports[host],
        )  # fmt: skip
        self._undo.callback(end, made.process)

    def call(self, e164: str, calls: int = 1, large: bool = False) -> tuple[Count, float]:
        """What the carrier counts, and how long it took."""
        headers = ("X-Large: " + "x" * 1200,) if large else ()
        script = Script("caller", "carrier").invite(OFFER, *headers).expect(100, optional=True)
        script.expect(180, optional=True).expect(180, optional=True).expect(200).ack().pause(100).bye().expect(200)
        began = time.monotonic()
        caller = Party(
            "carrier", script.write(self.folder), self.folder, (CARRIER, free(CARRIER)),
            remote=(EDGE, self.place.port), service=e164, calls=calls, seconds=20,
        )  # fmt: skip
        self._undo.callback(end, caller.process, 1)
        count = caller.wait()
        assert count.succeeded == calls, caller.last_words() + self.place.words()
        return count, time.monotonic() - began

    def messages(self, name: str) -> str:
        return (self.folder / name / "messages").read_text(errors="replace")

    def close(self) -> None:
        self._undo.close()


@pytest.fixture
def scene(place: Place, tmp_path: Path) -> Iterator[Scene]:
    playing = Scene(place, tmp_path)
    yield playing
    playing.close()


def answering() -> Script:
    script = Script("answers", "agent").receive("INVITE", keep=True).answer(180, "Ringing").answer(200, "OK", ANSWER)
    return script.receive("ACK").receive("BYE").answer(200, "OK")


def refusing(status: int) -> Script:
    return Script("refuses", "agent").receive("INVITE").answer(status, "No").receive("ACK")


def test_a_group_goes_on_from_the_dead_and_the_unwilling(
    needs: Callable[..., None], place: Place, scene: Scene
) -> None:
    needs("sipp")
    refuser = scene.stand("refuser", refusing(503), REFUSER)
    answerer = scene.stand("answerer", answering(), ANSWERER)
    _, seconds = scene.call(GROUP)
    assert seconds < 5.0, "a refused connection costs no time-out"
    time.sleep(0.3)
    assert (refuser.stop().succeeded, answerer.stop().succeeded) == (1, 1)
    legs = place.agent_legs(GROUP)
    assert [leg["status"] for leg in legs] == [503, 503, 200]
    assert len({leg["sip_call_id"] for leg in legs}) == 3


def test_engines_of_different_makers_and_a_phone_in_one_group(
    needs: Callable[..., None], place: Place, scene: Scene
) -> None:
    """OpenAI's stand-in, over TLS, and ElevenLabs', over TCP, fail; the phone answers over UDP."""
    needs("sipp", "kamailio-tls")
    openai = scene.stand("openai", refusing(500), BEYOND_OPENAI)
    scene.bridge(OPENAI, BEYOND_OPENAI)
    eleven = scene.stand("eleven", refusing(503), ELEVENLABS, "t1")
    phone = scene.stand("phone", answering(), ANSWERER)
    scene.call(ENGINES)
    time.sleep(0.3)
    assert [party.stop().succeeded for party in (openai, eleven, phone)] == [1, 1, 1]
    legs = place.agent_legs(ENGINES)
    assert [leg["status"] for leg in legs] == [500, 503, 200]
    assert "INVITE sip:proj_1@" in scene.messages("openai")
    assert f"INVITE sip:{ENGINES}@" in scene.messages("eleven")
    assert "X-Trunkline-Call-Id: call_" in scene.messages("phone")


def test_a_name_of_two_addresses_whose_first_is_silent(needs: Callable[..., None], place: Place, scene: Scene) -> None:
    """The second call does not wait for the first address again."""
    needs("sipp")
    answerer = scene.stand("answerer", answering(), ANSWERER)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((SILENT, place.ports[SILENT]))
        _, first = scene.call(MUTE)
        _, second = scene.call(MUTE)
    assert 1.0 <= first < 4.0
    assert second < 1.0 + 0.5
    time.sleep(0.3)
    assert answerer.stop().succeeded == 2
    assert [leg["status"] for leg in place.agent_legs(MUTE)] == [200]


def test_a_name_of_two_addresses_at_whose_first_nobody_listens(
    needs: Callable[..., None], place: Place, scene: Scene
) -> None:
    """The machine says so, and the call does not wait for silence to say it."""
    needs("sipp")
    answerer = scene.stand("answerer", answering(), ANSWERER)
    scene.call(NAMED)
    time.sleep(0.3)
    assert answerer.stop().succeeded == 1
    (leg,) = place.agent_legs(NAMED)
    assert leg["status"] == 200
    assert float(str(leg["answered_at"])) - float(str(leg["started_at"])) < 1.0


@pytest.mark.parametrize("transport", ["t1", "u1"])
def test_what_is_too_large_for_udp(needs: Callable[..., None], place: Place, scene: Scene, transport: str) -> None:
    """By TCP where somebody listens; where nobody does, by UDP after all."""
    needs("sipp")
    answerer = scene.stand("answerer", answering(), ANSWERER, transport)
    scene.call(LARGE, large=True)
    time.sleep(0.3)
    assert answerer.stop().succeeded == 1
    said = scene.messages("answerer")
    via, other = ("TCP", "UDP") if transport == "t1" else ("UDP", "TCP")
    assert f"Via: SIP/2.0/{via} " in said
    assert f"Via: SIP/2.0/{other} " not in said


def test_a_member_of_no_weight_waits_until_the_others_fail(
    needs: Callable[..., None], place: Place, scene: Scene
) -> None:
    needs("sipp")
    refuser = scene.stand("refuser", refusing(503), REFUSER)
    answerer = scene.stand("answerer", answering(), ANSWERER)
    scene.call(WEIGHTED, calls=5)
    time.sleep(0.3)
    assert (refuser.stop().created, answerer.stop().succeeded) == (0, 5)


def test_an_agent_that_has_moved_is_followed(needs: Callable[..., None], place: Place, scene: Scene) -> None:
    """302 with two places, of which the preferred one does not answer any more."""
    needs("sipp")
    nowhere, there = place.uri(DEAD, "tcp"), place.uri(ANSWERER)
    moved = Script("moves", "agent").receive("INVITE")
    moved.answer(302, "Moved Temporarily", None, f"Contact: <{there}>;q=0.2, <{nowhere}>;q=0.9").receive("ACK")
    mover = scene.stand("mover", moved, REFUSER)
    agent = scene.stand("agent", answering(), ANSWERER)
    scene.call(MOVED)
    assert (mover.stop().succeeded, agent.stop().succeeded) == (1, 1), mover.last_words() + agent.last_words()
    assert [leg["status"] for leg in place.agent_legs(MOVED)][-1] == 200
    assert [leg["uri"] for leg in place.agent_legs(MOVED)][1:] == [nowhere, there]
