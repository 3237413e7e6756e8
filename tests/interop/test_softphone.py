"""baresip over TLS at either end of the edge: signalling of a real phone, and its audio back from the echo."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest import behaviours
from loadtest.peers.baresip import Phone, loudness
from loadtest.process import end
from tests.interop.edge import Edge
from tests.interop.stage import Stage
from tests.interop.world import ECHO_NUMBER, PHONE, PHONE_NUMBER

pytestmark = pytest.mark.foreign

CLOSED, ESTABLISHED = "CALL_CLOSED", "CALL_ESTABLISHED"


@pytest.fixture
def phones(edge: Edge, tmp_path: Path, needs: Callable[..., None]) -> Iterator[Callable[..., Phone]]:
    """Makes phones; they end with the test."""
    needs("baresip")
    made: list[Phone] = []

    def make(host: str, *, answers: bool = False, port: int | None = None) -> Phone:
        certificate = edge.authority.issue(f"phone{len(made)}", host)
        folder = tmp_path / f"phone{len(made)}"
        phone = Phone(folder, host, certificate, edge.authority.path, answers=answers, port=port)
        made.append(phone)
        return phone

    yield make
    for phone in made:
        phone.close()


def test_echo_returns_what_the_phone_said(edge: Edge, phones: Callable[..., Phone]) -> None:
    before = edge.log()
    phone = phones("127.0.0.1")
    phone.dial(edge.uri("IPv4", "tls", ECHO_NUMBER))
    event = phone.wait_for(ESTABLISHED, CLOSED)
    assert event["type"] == ESTABLISHED, phone.last_words()
    time.sleep(2.0)
    phone.hang_up()
    phone.wait_for(CLOSED)
    assert edge.new_records(before, 1) == {("completed", 200, "caller"): 1}
    phone.close()
    assert loudness(phone.recording, 440) > 0.95


@pytest.mark.parametrize("hangs_up", ["caller", "agent"])
def test_phone_answers_a_carrier_on_udp(
    edge: Edge, stage: Stage, phones: Callable[..., Phone], needs: Callable[..., None], hangs_up: str, tmp_path: Path
) -> None:
    needs("sipp")
    before = edge.log()
    phone = phones(PHONE, answers=True, port=edge.ports.phone)
    behaviour = behaviours.call() if hangs_up == "caller" else behaviours.agent_hangs_up()
    carrier = stage.call(behaviour, tmp_path, number=PHONE_NUMBER)
    try:
        event = phone.wait_for(ESTABLISHED, CLOSED)
        assert event["type"] == ESTABLISHED, phone.last_words()
        if hangs_up == "agent":
            phone.hang_up()
        phone.wait_for(CLOSED)
        assert carrier.wait().succeeded == 1, carrier.last_words()
    finally:
        end(carrier.process, 1)
    assert edge.new_records(before, 1) == {("completed", 200, hangs_up): 1}
