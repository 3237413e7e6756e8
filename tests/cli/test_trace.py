"""`trunkline trace`: the same call as two ladders, its caller's and the edge's."""

from __future__ import annotations

import json
import re

from tests.cli.conftest import Edge, Run
from tests.cli.test_call import NUMBER, SHORT, steps

CALL = ["INVITE sdp", "100 Trying", "200 OK sdp", "ACK", "BYE", "200 OK BYE"]


def test_the_last_call(run: Run, edge: Edge) -> None:
    placed = run("call", NUMBER, "--to", edge.udp, "--codec", "PCMA", *SHORT)
    traced = run("trace", "--config", edge.config)
    assert (traced.code, traced.err) == (0, "")
    assert steps(traced.out) == steps(placed.out) == CALL
    [call_id] = re.findall(r"^call_\w+$", traced.out, re.MULTILINE)
    named = run("trace", call_id, "--config", edge.config)
    assert f"{call_id}\n\n{named.out}" == traced.out


def test_whole_messages(run: Run, edge: Edge) -> None:
    run("call", NUMBER, "--to", edge.udp, "--codec", "PCMA", *SHORT)
    full = run("trace", "--full", "--config", edge.config).out
    assert steps(full) == CALL
    assert f"  INVITE sip:{NUMBER}@{edge.udp} SIP/2.0\n" in full
    assert "  m=audio" in full


def test_as_json(run: Run, edge: Edge) -> None:
    run("call", NUMBER, "--to", edge.udp, *SHORT)
    found = json.loads(run("trace", "--json", "--config", edge.config).out)
    assert [message["summary"] for message in found["messages"]] == CALL


def test_a_call_that_is_not_there(run: Run, edge: Edge) -> None:
    ended = run("trace", "call_none", "--config", edge.config)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "trunkline trace: There is no call with this id\n"
