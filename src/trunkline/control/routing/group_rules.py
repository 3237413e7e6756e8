"""What a group of agents may be told: whom to try, how, and after which answers to go on."""

from __future__ import annotations

import msgspec

from trunkline.control import fields
from trunkline.model.agent import ORDINARY, Agent, Step

MOST_MEMBERS = 20
MOST_WEIGHT = 1000

_PEOPLE = {486: "busy", 487: "cancelled"}
"""Answers below 600 that only a person, or a bot in a person's place, gives."""


class StepWanted(msgspec.Struct, frozen=True, kw_only=True):
    """One member of a group, and how it shall be tried."""

    agent_id: str
    weight: int = 1
    ring_timeout: float | None = None


def steps(given: tuple[StepWanted, ...], ids: tuple[str, ...]) -> dict[str, Step]:
    """The members that are not tried in the ordinary way; `ids` are those of `given`. Raises `Invalid`."""
    found: dict[str, Step] = {}
    for wanted, id in zip(given, ids, strict=True):
        fields.count(0, MOST_WEIGHT)(wanted.weight, "steps.weight")
        ring = wanted.ring_timeout
        if ring is not None:
            ring = fields.seconds(1, 600)(ring, "steps.ring_timeout")
        step = Step(weight=wanted.weight, ring_timeout=ring)
        if step != ORDINARY:
            found[id] = step
    return found


def hunt_on(given: tuple[int, ...], field: str = "hunt_on") -> tuple[int, ...]:
    """The answers after which the next member is tried, in rising order. Raises `Invalid`."""
    for status in given:
        if status in _PEOPLE or 600 <= status <= 699:
            word = _PEOPLE.get(status, "no, for every place where the callee could be found")
            fields.refuse(
                field,
                f"After {status} nobody else is tried: somebody answered, and said {word}.",
                status,
            )
        if not 400 <= status <= 599:
            fields.refuse(field, "A group hunts on after failures, 400 to 599.", status)
    return tuple(sorted(set(given)))


def whole(agent: Agent) -> None:
    """Raises `Invalid` for what only groups have, on another agent."""
    if agent.kind == "group":
        return
    for field in ("members", "steps", "strategy", "hunt_on", "hunt_timeout"):
        if getattr(agent, field) != getattr(_PLAIN, field):
            fields.refuse(field, f"Only a group has {field}.")


_PLAIN = Agent(id="", organization_id="", name="", kind="echo")
