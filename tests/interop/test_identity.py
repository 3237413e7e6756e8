"""Who vouches for a caller, in an edge that runs: SIPp bears the token, a server of https has the certificate, and the
agent, another SIPp, is told."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from loadtest.peers import certificates
from loadtest.peers.ports import free, udp_taken
from loadtest.process import end, wait_until
from loadtest.scenario import ANSWER, CALLER, OFFER, Script
from loadtest.sipp import Party
from tests.identity.authority import Authority, claims, header, identity
from tests.stories.edge import HOST, Edge

pytestmark = pytest.mark.foreign

CARRIER, AGENT, REPOSITORY = "127.0.31.41", "127.0.31.42", "127.0.31.43"
NUMBER = "+12025550140"
URL = f"https://{REPOSITORY}:8443/shaken.pem"


@pytest.fixture
def signer() -> Authority:
    valid: dict[str, Any] = {"since": time.time() - 3600, "until": time.time() + 3600}
    return Authority(**valid).signer(**valid)


@pytest.fixture
def repository(signer: Authority, authority: certificates.Authority) -> Iterator[list[str]]:
    """Serves the signer's certificate; gives the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(signer.chain())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((REPOSITORY, 8443), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("repository", REPOSITORY))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def edge(tmp_path: Path, signer: Authority, authority: certificates.Authority) -> Iterator[Edge]:
    assert signer.issuer is not None
    made = Edge(tmp_path / "edge")
    made.folder.mkdir()
    store = made.folder / "anchors.pem"
    store.write_bytes(signer.issuer.pem)
    made.sections["identity"] = {"trust_store": str(store), "networks": [f"{REPOSITORY}/32"], "timeout": 5.0}
    made.environ["SSL_CERT_FILE"] = str(authority.path)
    made.start()
    made.operate()
    yield made
    made.close()
    assert "Traceback" not in made.log, made.log


def token(signer: Authority, **said: Any) -> str:
    about = {"orig": {"tn": CALLER[1:]}, "dest": {"tn": [NUMBER[1:]]}, "iat": int(time.time()), **said}
    return f"Identity: {identity(signer, claims(**about), header(x5u=URL))}"


def test_a_signed_caller_is_told_to_the_agent_and_to_the_log(
    edge: Edge, signer: Authority, repository: list[str], needs: Callable[..., None], tmp_path: Path
) -> None:
    needs("sipp")
    place = (AGENT, free(AGENT))
    edge.number(
        NUMBER, edge.trunk("carrier", f"{CARRIER}/32", identity="require"), edge.agent(f"sip:{AGENT}:{place[1]}")
    )
    told = {"X-Trunkline-Verstat": "TN-Validation-Passed-B", "X-Trunkline-Attestation": "B"}
    agent = Script("agent", "agent").receive("INVITE", keep=True, must_have=told).answer(200, "OK", ANSWER)
    agent.receive("ACK").receive("BYE").answer(200, "OK")
    listener = Party("agent", agent.write(tmp_path), tmp_path, place, seconds=30.0)
    try:
        wait_until(lambda: udp_taken(*place), 5, "SIPp as agent", listener.process)
        for number in (1, 2):
            good = calling(f"good{number}").invite(OFFER, token(signer, attest="B")).expect(100, optional=True)
            good.expect(200, keep=True).ack().pause(100).bye().expect(200)
            call(edge, good, tmp_path)
        bare = (
            calling("bare")
            .invite(OFFER)
            .expect(100, optional=True)
            .expect(428, must_have={"Reason": "STIR;cause=428"})
            .ack_refusal()
        )
        call(edge, bare, tmp_path)
        other = token(signer, orig={"tn": "13035550000"})
        forged = (
            calling("forged")
            .invite(OFFER, other)
            .expect(100, optional=True)
            .expect(438, must_have={"Reason": "STIR;cause=438"})
        )
        call(edge, forged.ack_refusal(), tmp_path)
        taken = listener.stop()
        assert (taken.succeeded, taken.failed) == (2, 0), listener.last_words()
    finally:
        end(listener.process, 1)
    assert repository == ["/shaken.pem"]
    records = [edge.call(each["id"]) for each in edge.calls(4)]
    found = [(record["attestation"], record["status"], record["sip_status"]) for record in reversed(records)]
    assert found == [
        ("TN-Validation-Passed-B", "completed", 200),
        ("TN-Validation-Passed-B", "completed", 200),
        ("No-TN-Validation", "failed", 428),
        ("TN-Validation-Failed", "failed", 438),
    ]


def calling(name: str) -> Script:
    return Script(name, "carrier")


def call(edge: Edge, script: Script, folder: Path) -> None:
    party = Party(
        script.name,
        script.write(folder),
        folder,
        (CARRIER, free(CARRIER)),
        remote=(HOST, edge.sip[1]),
        service=NUMBER,
        calls=1,
        seconds=15.0,
    )
    try:
        count = party.wait()
        assert (count.succeeded, count.failed) == (1, 0), party.last_words()
    finally:
        end(party.process, 1)
