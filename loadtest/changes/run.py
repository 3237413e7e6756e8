"""An edge of the proof's own, the proof on it, and its call log afterwards."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from loadtest.changes.api import Api
from loadtest.changes.phones import Address
from loadtest.changes.proof import Proof, Record
from loadtest.edges.trunkline import serve, tables, write
from loadtest.process import Failed, end, wait_until

HOST = "127.0.51.1"
SOURCES = tuple([f"127.0.51.{at}" for at in range(11, 15)])
PLACES = ("127.0.52.1", "127.0.52.2", "127.0.52.3")
STEADY = ("127.0.53.1", "127.0.53.2")
_SIP = re.compile(rf"UDP +{re.escape(HOST)}:(\d+)")
_API = re.compile(rf"API +http://{re.escape(HOST)}:(\d+)")
_EMPTY = 45.0
"""Seconds in which the tables empty themselves: 64·T1, and what a loaded machine takes."""


async def prove(
    folder: Path, changes: int, seed: int, steady: float, *, tell: bool = False, empty: bool = True
) -> Proof:
    """What was found is in the proof's `faults`. `steady`: calls a second that nobody changes. `empty`: whether to wait
    until the engine holds nothing any more."""
    child, sip, http = await asyncio.to_thread(start, folder)
    try:
        api = await Api.open(*http, (folder / "data" / "operator.key").read_text().strip())
        proof = Proof(seed, api, sip)
        try:
            await proof.set_up(SOURCES, PLACES, STEADY)
            await proof.run(changes, steady, tell)
            if empty:
                proof.faults += await asyncio.to_thread(left, folder, http)
        finally:
            proof.close()
            await api.close()
    finally:
        await asyncio.to_thread(end, child, 30)
    proof.faults += await asyncio.to_thread(compare, folder, proof.logged)
    said = (folder / "trunkline.out").read_text()
    if "Traceback" in said or "this is a bug" in said:
        proof.faults.append(said[-3000:])
    return proof


def start(folder: Path) -> tuple[subprocess.Popen[bytes], Address, Address]:
    """An edge on free ports: its process, where it takes calls, and where its API is."""
    write(
        folder,
        [{"transport": "udp", "host": HOST, "port": 0}],
        {},
        {
            "api": {"host": HOST, "port": 0, "requests_per_hour": 0},
            "sip.timers": {"t1": 0.1, "t2": 0.4, "t4": 0.5},
        },
    )
    child = serve(folder)
    out = folder / "trunkline.out"
    try:
        wait_until(lambda: "Stop with Ctrl-C" in out.read_text(), 60, "the edge", child)
    except Failed:
        end(child)
        raise
    sip, api = _SIP.search(out.read_text()), _API.search(out.read_text())
    assert sip is not None
    assert api is not None
    return child, (HOST, int(sip[1])), (HOST, int(api[1]))


def left(folder: Path, api: Address) -> list[str]:
    """What the engine still holds when nothing goes on any more, but for the addresses that failed a while ago."""
    found: dict[str, int] = {}

    def empty() -> bool:
        found.clear()
        found.update({name: count for name, count in tables(folder, api).items() if count and name != "penalties"})
        return not found

    try:
        wait_until(empty, _EMPTY, "empty tables")
    except Failed:
        return [f"not empty: {found}"]
    return []


def compare(folder: Path, wanted: dict[str, Record]) -> list[str]:
    """What the call log says otherwise than the callers; one record is for each, and none for anybody else."""
    faults = []
    with closing(sqlite3.connect(folder / "data" / "trunkline.db")) as connection:
        rows = connection.execute("SELECT caller, sip_status, cause, trunk_id, agent_id FROM calls").fetchall()
    logged: dict[str, list[tuple[int, str, str, str | None]]] = {}
    for caller, *said in rows:
        logged.setdefault(caller, []).append((said[0], said[1], f"trunk_{said[2]}", said[3] and f"agent_{said[3]}"))
    for caller, record in wanted.items():
        found = logged.pop(caller, [])
        if len(found) != 1:
            faults.append(f"{caller} has {len(found)} records, and met {record}")
        elif found[0][:3] != (record.status, record.cause, record.trunk) and record.status == 200:
            faults.append(f"{caller} met {record}, and {found[0]} is logged")
        elif record.status == 200 and found[0][3] != record.agent:
            faults.append(f"{caller} was answered by {record.agent}, and {found[0]} is logged")
    faults += [f"{caller} has a record that nobody expects: {found}" for caller, found in logged.items()]
    return faults[:20]
