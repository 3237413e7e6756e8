"""Webhooks of real calls, from the process that takes them to a receiver on a socket, over crashes too."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.stories.conftest import NETWORK, NUMBER
from tests.stories.edge import Edge, until
from tests.stories.phone import Dialled, Phone

SECRET = "a secret between us"


class Receiver:
    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.refuse = 0
        """How many are answered 500."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = 500 if receiver.refuse > 0 else 200
                receiver.refuse -= 1
                if status == 200:
                    receiver.taken.append((dict(self.headers), body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def told(self, count: int) -> list[dict[str, Any]]:
        until(lambda: len(self.taken) >= count, f"{count} webhooks")
        return [json.loads(body) for _, body in self.taken]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def hooked(edge: Edge, agent: Phone, receiver: Receiver) -> None:
    edge.sections["webhooks"] = {"allow_private": True}
    edge.start()
    edge.listeners[0]["port"] = edge.sip[1]
    edge.operate()
    edge.number(NUMBER, edge.trunk("carrier", NETWORK), edge.agent(f"sip:agent@{agent.at}"))
    events = ["call.started", "call.ended", "call.failed"]
    edge.post("/v1/webhooks", {"url": receiver.url, "events": events, "secret": SECRET})


def test_a_call_is_told_of_and_the_signature_agrees(
    edge: Edge, carrier: Phone, agent: Phone, receiver: Receiver
) -> None:
    hooked(edge, agent, receiver)
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    assert [event["event"] for event in receiver.told(1)] == ["call.started"]
    call.bye()
    taken.ends()
    started, ended = receiver.told(2)
    (logged,) = edge.calls()
    assert (started["event"], ended["event"]) == ("call.started", "call.ended")
    assert started["data"]["call_id"] == ended["data"]["call_id"] == logged["id"]
    assert (ended["data"]["status"], ended["data"]["phone_number"]) == ("completed", NUMBER)
    for headers, body in receiver.taken:
        expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["X-Trunkline-Signature"] == expected


def test_a_crash_in_the_middle_of_a_call_tells_its_end_once(
    edge: Edge, carrier: Phone, agent: Phone, receiver: Receiver
) -> None:
    hooked(edge, agent, receiver)
    call = Dialled(carrier, edge.sip, NUMBER)
    taken = agent.takes()
    call.answered()
    edge.kill()
    edge.start()
    call.ends()
    taken.ends()
    told = receiver.told(2)
    edge.kill()
    edge.start()
    assert len(edge.calls()) == 1
    assert [event["event"] for event in told] == ["call.started", "call.ended"]
    assert told[1]["data"]["cause"] == "interrupted"
    # What was taken but not yet written down as taken comes again, as the same delivery.
    assert len({headers["X-Trunkline-Delivery"] for headers, _ in receiver.taken}) == 2


def test_private_addresses_are_refused_unless_they_are_allowed(edge: Edge, agent: Phone, receiver: Receiver) -> None:
    edge.start()
    edge.operate()
    answer = edge.ask("POST", "/v1/webhooks", {"url": receiver.url, "events": ["call.ended"], "secret": SECRET})
    assert answer.status == 400
    assert answer.json["error"]["code"] == "webhook_target_refused"
