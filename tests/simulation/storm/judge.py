"""What must hold when a storm is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.storm.actor import CARRIER, STRANGER
from tests.simulation.storm.edge import Watched
from tests.simulation.storm.topology import disclosed, transferred
from tests.simulation.storm.wire import Wire
from trunkline.model.journal import Began, Ended

if TYPE_CHECKING:
    from tests.simulation.storm.storm import Storm


def judge(storm: Storm) -> None:
    """Raises AssertionError with what is wrong, and what had passed."""
    wrong = [*_tables(storm), *_phones(storm)]
    if storm.registrar is not None:
        wrong += [] if storm.registered else ["the line did not register again"]
        wrong += [f"{storm.registrar.live} stays registered"] if storm.registrar.live and not storm.crashed else []
    for edge in [*storm.crashed, storm.edge]:
        wrong += _records(edge, edge in storm.crashed) + _commands(edge, edge in storm.crashed)
    wire = Wire(storm.world)
    wrong += wire.wrong(storm.crashes, _unheard(storm))
    if not transferred(wire):
        wrong += disclosed(wire)
    assert not wrong, "\n".join([*wrong, storm.context])


def _tables(storm: Storm) -> list[str]:
    """No dialog, timer, transaction, place or port is left."""
    edge = storm.edge
    wrong = [f"{count} {name} left" for name, count in edge.clean().items()]
    if edge.media:
        wrong.append(f"media left open: {edge.media}")
    if edge.core.farewells:
        wrong.append("farewells left")
    return wrong


def _phones(storm: Storm) -> list[str]:
    """Every side was released."""
    wrong = []
    for phone in storm.phones:
        if storm.world.nodes.get(phone.address) is phone:
            if not phone.idle():
                wrong.append(f"{phone.address[0]} still holds {list(phone.legs)}")
            if phone.ua.layer.clients or phone.ua.layer.servers:
                wrong.append(f"{phone.address[0]} has transactions left")
    return wrong


def _records(edge: Watched, crashed: bool) -> list[str]:
    """Each call that began ended in exactly one record, and each record is of a call."""
    began = [entry.record.id for entry in edge.journal if isinstance(entry, Began)]
    ended = [entry.record.id for entry in edge.journal if isinstance(entry, Ended)]
    finished = [record.id for record in edge.finished]
    wrong = []
    if len(set(began)) != len(began):
        wrong.append("a call began twice")
    if sorted(ended) != sorted(finished):
        wrong.append("what the journal says and what is told of ends differ")
    if len(set(ended)) != len(ended):
        wrong.append("a call has two records")
    if not crashed and not set(began) <= set(ended):
        wrong.append(f"calls without a record: {set(began) - set(ended)}")
    for record in edge.finished:
        if record.ended_at is None or any(leg.ended_at is None for leg in record.legs):
            wrong.append(f"the record {record.id} has no end")
        if any(not transfer.result for transfer in record.transfers):
            wrong.append(f"the record {record.id} has a transfer without a result")
    return wrong


def _commands(edge: Watched, crashed: bool) -> list[str]:
    """Each command has one answer."""
    told = [done.token for done in edge.done] + [tried.trial for tried in edge.tried]
    wrong = [f"{token} was answered twice" for token in set(told) if told.count(token) > 1]
    given = {token for token in edge.commands if token}
    if not crashed and given != set(told):
        wrong.append(f"commands without an answer: {given - set(told)}")
    return wrong


def _unheard(storm: Storm) -> frozenset[str]:
    """Who need not have an answer: strangers, and who could not be reached."""
    edges = [*storm.crashed, storm.edge]
    lost = {host for edge in edges for host in edge.unreachable}
    refused = {source for edge in edges for source in edge.refused}
    broken = {CARRIER} if any(edge.broken for edge in edges) else set()
    refused |= {seen.source for edge in edges for seen in edge.observed if seen.kind in ("dropped", "banned")}
    refused |= {source.partition(" ")[2].rpartition(":")[0] for source in refused}
    return frozenset({STRANGER} | lost | refused | broken)
