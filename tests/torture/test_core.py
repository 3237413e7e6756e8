"""RFC 4475 at the core, without sockets: what each message is answered, where that goes, and that nothing of it stays.

The edge has one trunk, and the messages come from its network; no number is theirs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.simulation.edge import CARRIER, Edge
from tests.simulation.world import World
from trunkline.call.outputs import Transmit
from trunkline.sip.flow import Flow
from trunkline.sip.grammar import split_commas

ARCHIVE = Path(__file__).resolve().parents[3] / "shared" / "torture"
if not (ARCHIVE / "index.json").exists():
    pytest.skip("data: ../shared/torture is not beside the checkout", allow_module_level=True)

INDEX: list[dict[str, Any]] = json.loads((ARCHIVE / "index.json").read_text())
PING = (
    b"OPTIONS sip:192.0.2.5 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKping\r\n"
    b"From: <sip:a@192.0.2.1>;tag=1\r\nTo: <sip:192.0.2.5>\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\n\r\n"
)


class Answer(NamedTuple):
    status: int
    text: str
    flow: Flow

    def list(self, name: str) -> list[str]:
        """The values of a header of which there is one line."""
        found = re.findall(rf"\r\n{name}: *([^\r]*)", self.text)
        assert len(found) == 1, self.text
        return split_commas(found[0])


def answers(edge: Edge, data: bytes, flow: Flow) -> list[Answer]:
    """What a message is answered; then all that it caused is left to end."""
    outputs = edge.core.receive(data, flow, edge.world.now)
    sent = [output for output in outputs if isinstance(output, Transmit)]
    edge.perform([output for output in outputs if not isinstance(output, Transmit)])
    edge.world.run(100.0)
    return [Answer(int(out.data[8:11]), out.data.decode("utf-8", "surrogateescape"), out.flow) for out in sent]


def accepts(acceptable: list[int | str], status: int) -> bool:
    if status in acceptable:
        return True
    return status not in (400, 505) and bool({"not-400", "any-non-syntax", "lenient-accept"} & set(acceptable))


@pytest.mark.parametrize("entry", INDEX, ids=[entry["name"] for entry in INDEX])
def test_the_answer_is_one_the_index_accepts(entry: dict[str, Any]) -> None:
    edge = Edge(World())
    transport = entry["via_transport"].lower()
    flow = Flow(transport, edge.address, (CARRIER, 40000), "" if transport == "udp" else "in:1")
    found = answers(edge, (ARCHIVE / entry["file"]).read_bytes(), flow)
    shown = ", ".join([answer.text.partition("\r\n")[0] for answer in found]) or "no reply"
    print(f"{entry['section']:9} {entry['name']:11} {entry['cls']:8} {shown}")  # noqa: T201
    if entry["kind"] == "response":
        assert found == []
    else:
        (answer,) = found
        assert accepts(entry["acceptable"], answer.status), answer.text
        if transport == "udp" and not entry["has_rport"]:
            assert answer.flow.remote == (CARRIER, entry["reply_port"])
        else:
            assert answer.flow == flow
        if answer.status in (405, 501):
            assert "INVITE" in answer.list("Allow")
        if answer.status == 420:
            assert {"nothingSupportsThis", "nothingSupportsThisEither"} <= set(answer.list("Unsupported"))
        if answer.status == 415:
            assert answer.list("Accept") == ["application/sdp"]
    assert edge.clean() == {}
    (pong,) = answers(edge, PING, Flow("udp", edge.address, (CARRIER, 5060)))
    assert pong.status == 200


def test_what_a_request_lacks_its_answer_lacks_too() -> None:
    edge = Edge(World())
    (answer,) = answers(edge, (ARCHIVE / "insuf.dat").read_bytes(), Flow("udp", edge.address, (CARRIER, 5060)))
    names = [line.partition(":")[0] for line in answer.text.split("\r\n")[1:]]
    assert names.count("Via") == names.count("CSeq") == 1
    assert not {"To", "From", "Call-ID"} & set(names)


def test_a_tag_is_not_added_to_one_that_is_there() -> None:
    edge = Edge(World())
    flow = Flow("udp", edge.address, (CARRIER, 5060))
    (answer,) = answers(edge, (ARCHIVE / "wsinv.dat").read_bytes(), flow)
    assert answer.list("To") == ["sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n"]
    (answer,) = answers(edge, (ARCHIVE / "esc01.dat").read_bytes(), flow)
    assert answer.list("To")[0].startswith("sip:%75se%72@example.com;tag=")
