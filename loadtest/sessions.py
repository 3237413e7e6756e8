"""Session timers (RFC 4028) between the edge and foreign peers, in their real time: a minute, because no session may be
shorter than 90 seconds.

SIPp plays three callers and their agents, and judges. One leaves the refreshing to the edge, one refreshes itself, and
one has promised to and does not. The agents know no timers, and are refreshed by the edge.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from loadtest.edges import trunkline
from loadtest.peers.ports import free, udp_taken
from loadtest.process import end, wait_until
from loadtest.scenario import ANSWER, OFFER, Script
from loadtest.sipp import Party

CARRIER, EDGE, AGENT = "127.0.0.32", "127.0.0.31", "127.0.0.33"
OURS = 45_000
"""Milliseconds after which the edge refreshes a session of 90 seconds: half of it."""
LEFT = 58_000
"""Those after which it gives one up that its peer was to refresh: 32 seconds before its end (RFC 4028 §10)."""
SLACK = 4_000


class Pair(NamedTuple):
    """A caller, its agent, and how the call log shall say that their call ended."""

    caller: Script
    agent: Script
    ended: tuple[str, str, str]
    """Status, cause, and who hung up."""


def _caller(name: str, refresher: str) -> Script:
    wanted = f"Session-Expires: 90;refresher={refresher}"
    script = Script(name, "carrier").invite(OFFER, wanted).expect(100, optional=True).expect(180, optional=True)
    agreed = {"Session-Expires": f"90;refresher={refresher}", "Require": "timer"}
    return script.expect(200, keep=True, must_have=agreed).ack()


def _agent(name: str) -> Script:
    return Script(name, "agent").receive("INVITE", keep=True).answer(200, "OK", ANSWER).receive("ACK")


def pairs() -> list[Pair]:
    """Each takes less than a minute. What comes too early fails its scenario, and what comes too late its patience."""
    refreshed = _agent("left-agent").pause(OURS - SLACK).receive("UPDATE").answer(200, "OK")
    left = _caller("left", "uas").pause(OURS - SLACK).receive("UPDATE", must_have={"Session-Expires": "90"})
    left.answer(200, "OK", None, "Session-Expires: 90;refresher=uac", "Require: timer")
    own = _caller("own", "uac").pause(OURS - 2 * SLACK)
    own.request("UPDATE", None, "Session-Expires: 90;refresher=uac", "Supported: timer")
    own.expect(200, must_have={"Session-Expires": "90;refresher=uac"})
    silent = _caller("silent", "uac").pause(LEFT - SLACK).receive("BYE").answer(200, "OK")
    alone = _agent("silent-agent").pause(OURS - SLACK).receive("UPDATE").answer(200, "OK")
    return [
        Pair(
            left.pause(SLACK).bye().expect(200),
            refreshed.receive("BYE").answer(200, "OK"),
            ("completed", "normal", "caller"),
        ),
        Pair(
            own.bye().expect(200),
            _agent("own-agent").receive("BYE").answer(200, "OK"),
            ("completed", "normal", "caller"),
        ),
        Pair(silent, alone.receive("BYE").answer(200, "OK"), ("completed", "session-expired", "edge")),
    ]


def play(folder: Path) -> list[str]:
    """What went wrong."""
    every, owner = pairs(), {"organization_id": "org_sessions"}
    sip, api = free(EDGE), (EDGE, free(EDGE))
    ports = [free(AGENT) for _ in every]
    numbers = [f"+1202555040{place}" for place in range(len(every))]
    trunkline.write(
        folder,
        [{"transport": "udp", "host": EDGE, "port": sip}],
        {
            "organizations": [{"id": "org_sessions", "name": "Sessions"}],
            "trunks": [{**owner, "id": "trunk_sessions", "name": "carrier", "networks": [f"{CARRIER}/32"]}],
            "agents": [
                {**owner, "id": f"agent_{port}", "name": f"agent {port}", "kind": "sip", "uri": f"sip:a@{AGENT}:{port}"}
                for port in ports
            ],
            "numbers": [
                {
                    **owner,
                    "id": f"phone_{e164}",
                    "e164": e164,
                    "trunk_id": "trunk_sessions",
                    "agent_id": f"agent_{port}",
                }
                for e164, port in zip(numbers, ports, strict=True)
            ],
        },
        {"api": {"host": api[0], "port": api[1]}, "sip": {"session_expires": 90}},
    )
    parties: list[Party] = []
    edge = trunkline.serve(folder)
    try:
        wait_until(lambda: trunkline.ready(api), 30, f"the edge (see {folder}/trunkline.out)", edge)
        for pair, port in zip(every, ports, strict=True):
            place = (AGENT, port)
            agent = Party(pair.agent.name, pair.agent.write(folder), folder, place, calls=1, seconds=90.0)
            parties.append(agent)
            wait_until(lambda place=place: udp_taken(*place), 5, "SIPp as agent", agent.process)  # type: ignore[misc]
        for pair, e164 in zip(every, numbers, strict=True):
            script, place = pair.caller.write(folder), (CARRIER, free(CARRIER))
            parties.append(
                Party(pair.caller.name, script, folder, place, remote=(EDGE, sip), service=e164, calls=1, seconds=75.0)
            )
        found = []
        for party in parties:
            count = party.wait()
            print(f"{party.name}: {'as it must be' if count.succeeded else 'failed'}", flush=True)
            if count.succeeded != 1:
                found.append(f"{party.name}: {party.last_words()}")
        wanted = {pair.ended for pair in every}
        wait_until(lambda: _ended(folder) == wanted, 5, f"records {wanted}; there are {_ended(folder)}", edge)
        return found
    finally:
        for party in parties:
            end(party.process, 1)
        end(edge)


def _ended(folder: Path) -> set[tuple[object, ...]]:
    return {each for each in trunkline.calls(folder, "status", "cause", "hung_up_by") if each[0] != "in-progress"}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.sessions", description="Sessions, and who refreshes them."
    )
    parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="trunkline-sessions-") as folder:
        found = play(Path(folder))
    for fault in found:
        print(f"FAILED: {fault}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
