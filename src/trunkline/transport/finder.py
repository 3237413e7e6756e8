"""Answers the core's `Resolve`: a URI becomes flows, best first, each over the listener that reaches it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from trunkline.call.inputs import Input, Resolved, Unresolvable
from trunkline.call.outputs import Resolve
from trunkline.sip.flow import Flow, host_port
from trunkline.transport.layer import TransportLayer
from trunkline.transport.records import Hop, Nowhere
from trunkline.transport.resolver import Resolver


class Finder:
    """`find` answers at once when it can; otherwise `give` gets the answer later."""

    __slots__ = ("_give", "_layer", "_resolver", "_waiting")

    def __init__(self, resolver: Resolver, layer: TransportLayer, give: Callable[[Input], None]) -> None:
        self._resolver = resolver
        self._layer = layer
        self._give = give
        self._waiting: set[asyncio.Task[None]] = set()

    def find(self, question: Resolve) -> Resolved | Unresolvable | None:
        """The answer when it is known now; None when it will be given. Called from the event loop."""
        if question.flow is not None:
            return Resolved(question.leg, (question.flow,))
        found = self._resolver.resolve_now(question.uri, question.transport)
        if found is not None:
            return self._answer(question, found)
        task = asyncio.get_running_loop().create_task(self._later(question))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        return None

    async def _later(self, question: Resolve) -> None:
        self._give(self._answer(question, await self._resolver.resolve(question.uri, question.transport)))

    def _answer(self, question: Resolve, found: tuple[Hop, ...] | Nowhere) -> Resolved | Unresolvable:
        if isinstance(found, Nowhere):
            return Unresolvable(question.leg, found.reason)
        flows: list[Flow] = []
        for hop in found:
            flow = self._layer.flow_to(hop.transport, hop.address, hop.server_name, question.tls)
            if flow is not None:
                flows.append(flow)
        if flows:
            return Resolved(question.leg, tuple(flows))
        where = ", ".join(f"{hop.transport}:{host_port(hop.address)}" for hop in found[:3])
        return Unresolvable(question.leg, f"no listener and route towards {where}")

    @property
    def waiting(self) -> int:
        """Questions whose answer is still to be given."""
        return len(self._waiting)

    async def close(self) -> None:
        """Give no more answers."""
        tasks = tuple(self._waiting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
