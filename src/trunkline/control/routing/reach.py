"""What agents are bound to. Agents that stand for an engine's own: made when a number names one, and known by its id.

On an engine's trunk, a number may be given the id that the engine itself uses. An agent is then made whose name is that
id, and that is how it is shown again; when the trunk goes, it goes too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import structs

from trunkline.model.agent import Agent
from trunkline.model.trunk import Trunk


def stands_for(agent: Agent) -> bool:
    """Whether the agent was made for an engine's own id, and is shown by it."""
    return agent.external_id is not None and agent.name == agent.external_id


def orphans(agents: Iterable[Agent]) -> tuple[list[Agent], list[Agent]]:
    """Of the agents that a trunk reaches: those that were made for it, and the others."""
    made: list[Agent] = []
    others: list[Agent] = []
    for agent in agents:
        (made if stands_for(agent) else others).append(agent)
    return made, others


def without(trunks: Iterable[Trunk], dead: Collection[str]) -> list[Trunk]:
    """Those of the trunks whose ranges name one of these agents, without these ranges."""
    found = []
    for trunk in trunks:
        left = tuple([one for one in trunk.ranges if one.agent_id not in dead])
        if len(left) != len(trunk.ranges):
            found.append(structs.replace(trunk, ranges=left))
    return found
