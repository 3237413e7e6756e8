"""A whole run with every kind of secret in it, and none of them comes out anywhere."""

from __future__ import annotations

import signal
from pathlib import Path

from loadtest.peers.certificates import Authority
from tests.stories.conftest import AGENT, NETWORK, NUMBER
from tests.stories.edge import Edge, until
from tests.stories.phone import Dialled, Phone

INBOUND, OUTBOUND = "correct-horse-battery", "staple-9f2c-outbound"


def test_no_secret_comes_out(edge: Edge, carrier: Phone, stranger: Phone, agent: Phone, tmp_path: Path) -> None:
    certificate, private = Authority(tmp_path).issue("client", "client.example")
    edge.sections["log"] = {"level": "debug"}
    edge.sections["api"]["requests_per_hour"] = 0
    edge.start()
    edge.operate()
    first = edge.key
    shown = len(edge.seen)
    made = edge.post("/v1/api-keys", {"name": "Monitoring", "role": "admin"})
    assert made["key"] in edge.seen.pop()  # this once

    # A trunk that proves itself to us, and one that we prove ourselves to.
    inbound = edge.trunk("pbx", NETWORK, challenge=True, credentials={"username": "pbx", "password": INBOUND})
    outbound = edge.trunk(
        "agents", f"{AGENT}/32", server=AGENT, port=agent.address[1], realm="agents.example",
        credentials={"username": "edge", "password": OUTBOUND},
        tls={"certificate": certificate.read_text(), "private_key": private.read_text()},
    )  # fmt: skip
    where = edge.agent(f"sip:agent@{agent.at}", trunk_id=outbound)
    edge.number(NUMBER, inbound, where)

    call = Dialled(carrier, edge.sip, NUMBER)
    call.authenticated(call.refused(401), "pbx", INBOUND)
    invite = agent.expect("INVITE")
    nonce = 'WWW-Authenticate: Digest realm="agents.example", nonce="7d1", algorithm=MD5, qop="auth"\r\n'
    agent.answer(invite, "401 Unauthorized", more=nonce)
    agent.expect("ACK")
    invite = agent.expect("INVITE")
    proof = invite.header("Authorization")
    assert 'username="edge"' in proof
    assert OUTBOUND not in proof
    agent.answer(invite, "200 OK", agent.sdp("0"))
    agent.expect("ACK")
    call.answered()
    call.bye()
    agent.answer(agent.expect("BYE"), "200 OK")

    wrong = Dialled(stranger, edge.sip, NUMBER)
    wrong.authenticated(wrong.refused(401), "pbx", "guessed-password-1")
    wrong.refused(403)

    # Everything there is to see.
    logged = edge.calls(1)
    for item in logged:
        edge.call(item["id"])
        edge.ask("GET", f"/v1/calls/{item['id']}/trace")
        edge.ask("GET", f"/v1/calls/{item['id']}/trace?format=text")
    for path in (
        f"/v1/sip/trunks/{inbound}", f"/v1/sip/trunks/{outbound}", "/v1/sip/trunks", "/v1/agents", "/v1/phone-numbers",
        "/v1/api-keys", "/v1/calls/live", "/v1/refusals", "/v1/status/tables", "/metrics", "/readyz", "/openapi.json",
    ):  # fmt: skip
        assert edge.ask("GET", path).status == 200, path
    for method, path, body in (
        ("PATCH", f"/v1/sip/trunks/{inbound}", {"credentials": {"password": [INBOUND]}}),
        ("POST", "/v1/sip/trunks", {"name": "x", "provider": "generic", "credentials": {"pasword": OUTBOUND}}),
        ("POST", f"/v1/sip/trunks?password={INBOUND}", {}),
    ):
        assert edge.ask(method, path, body).status >= 400
    edge.post("/v1/routes/explain", {"source": "127.0.31.2", "to": NUMBER, "digest_user": "pbx"})

    edge.signal(signal.SIGHUP)
    until(lambda: "reloaded" in edge.log, "the reload")
    edge.kill()
    edge.start()
    assert edge.stop() == 0

    key = private.read_text().splitlines()[1]
    secrets = {INBOUND, OUTBOUND, first, made["key"], key, (edge.data / "secret.key").read_text().strip()}
    secrets |= {part.split('"')[1] for part in proof.split(", ") if part.startswith("response=")}
    places = {"stdout": edge.out.read_text(), "stderr": edge.log}
    places |= {f"answer {index}": text for index, text in enumerate(edge.seen[shown:])}
    files = {str(path): path.read_bytes().decode("latin-1") for path in edge.data.rglob("*") if path.is_file()}
    files.pop(str(edge.data / "operator.key"))
    files.pop(str(edge.data / "secret.key"))
    found = [(place, secret) for place, text in (places | files).items() for secret in secrets if secret in text]
    assert found == []
    assert sum("Authorization: Digest" in text for text in places.values()) >= 2, "the traces showed nothing"
