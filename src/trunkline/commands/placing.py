"""Placing a real call: sockets, a user agent, its one leg and its audio, put together and taken down again.

It is composed of the rooms that the edge is made of; what it adds is only the order of a telephone: dial, wait, speak,
hang up.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Callable
from typing import NamedTuple

from trunkline.call.leg.events import Connected, Disconnected, Failed, LegEvent, Rang
from trunkline.call.leg.target import Target
from trunkline.call.leg.user_agent import UserAgent
from trunkline.commands.screen import Screen
from trunkline.engine.caller import Caller
from trunkline.media.ports import PortPool
from trunkline.media.sounder import Settled, Sounder
from trunkline.media.sounding import Report
from trunkline.sdp.refusal import Refusal
from trunkline.sip.flow import Flow
from trunkline.sip.timers import Timing
from trunkline.sip.token import Tokens
from trunkline.transport.errors import ListenError
from trunkline.transport.finder import Finder
from trunkline.transport.layer import TransportLayer
from trunkline.transport.listener import ListenerSpec, families
from trunkline.transport.resolver import Resolver

_FIRST_WORD = 10.0
"""Seconds to the first response of any kind. A peer that is there sends its 100 within a fraction of one."""
_GOODBYE = 5.0
"""Seconds that the peer may take to confirm the end."""
_PORTS = (40_000, 49_151)
"""For audio: beyond the edge's own, below the range that the system gives away."""


class Plan(NamedTuple):
    target: Target
    codecs: tuple[str, ...] = ()
    seconds: float = 3.0
    """Of audio."""
    patience: float = 60.0
    """Seconds until it must be answered."""


class Outcome(NamedTuple):
    """What became of it."""

    flow: Flow | None = None
    failed: Failed | None = None
    silent: bool = False
    """Nobody said anything at all."""
    unanswered: bool = False
    """It rang, or was being tried, until the patience ended."""
    interrupted: bool = False
    set_up: float | None = None
    """Seconds from dialling to the answer; None when it was not answered."""
    settled: Settled | None = None
    unusable: Refusal | None = None
    """Why the answer leaves no audio."""
    report: Report | None = None
    hung_up: bool = False
    """By the peer."""
    parted: bool = True
    """The end was confirmed."""


async def place(plan: Plan, screen: Screen) -> Outcome:
    """Place the call. Ctrl-C and SIGTERM hang up properly; a second one leaves at once."""
    loop = asyncio.get_running_loop()
    ua = UserAgent(Tokens("cl", secrets.token_bytes(32)), Timing(), {})
    layer = TransportLayer()
    sounder = Sounder(plan.codecs, PortPool(*_PORTS))
    caller = Caller(ua, layer, sounder, screen)
    await _open(layer, caller)
    resolver = Resolver(families(layer.bound))
    finder = Finder(resolver, layer, caller.give)
    talk = loop.create_task(_talk(plan, caller, sounder, finder, screen))
    try:
        _on_signals(loop, talk.cancel)
        try:
            outcome = await talk
        except asyncio.CancelledError:
            screen.say("hanging up …")
            outcome = Outcome(interrupted=True)
        if outcome.silent:
            return outcome._replace(flow=caller.flow)
        goodbye = loop.create_task(_part(caller, screen))
        _on_signals(loop, goodbye.cancel)
        await asyncio.wait((goodbye,))
        return outcome._replace(flow=caller.flow, parted=not goodbye.cancelled() and goodbye.result())
    finally:
        screen.done()
        caller.stop()
        await finder.close()
        await resolver.close()
        await layer.close()
        sounder.close()


async def _open(layer: TransportLayer, caller: Caller) -> None:
    """A port of our own on every address, so that the peer can reach us over each transport; TLS goes out only."""
    wildcards = [[ListenerSpec(transport="udp", host=host, port=0), ListenerSpec(transport="tcp", host=host, port=0)]
                 for host in ("0.0.0.0", "::")]  # fmt: skip
    tls = [ListenerSpec(transport="tls", host=host) for host in ("0.0.0.0", "::")]
    try:
        await layer.open([*wildcards[0], *wildcards[1], *tls], caller)
    except ListenError:
        # A machine without IPv6.
        await layer.open([*wildcards[0], tls[0]], caller)


def _on_signals(loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, act)


async def _talk(plan: Plan, caller: Caller, sounder: Sounder, finder: Finder, screen: Screen) -> Outcome:
    loop = asyncio.get_running_loop()
    began = loop.time()
    screen.waiting("dialling …")
    caller.dial(plan.target, finder)
    early = b""
    while True:
        event = await _event(caller, began, plan.patience)
        if event is None:
            return Outcome(unanswered=caller.heard, silent=not caller.heard)
        if isinstance(event, Rang):
            early = event.body or early
            screen.waiting(f"{event.status} {event.phrase} …" if event.phrase.isprintable() else "ringing …")
        elif isinstance(event, Failed):
            return Outcome(failed=event)
        elif isinstance(event, Disconnected):
            return Outcome(hung_up=True)
        elif isinstance(event, Connected):
            break
    outcome = Outcome(set_up=loop.time() - began)
    settled = sounder.agree(event.body or early)
    if isinstance(settled, Refusal):
        return outcome._replace(unusable=settled)
    packets = round(plan.seconds / 0.02)
    report = await sounder.sound(
        plan.seconds,
        lambda now: screen.waiting(f"♪ {settled.codec}: {now.sent} of {packets} packets sent, {now.returned} back"),
        caller.ended,
    )
    return outcome._replace(settled=settled, report=report, hung_up=caller.ended.is_set())


async def _event(caller: Caller, began: float, patience: float) -> LegEvent | None:
    """The leg's next event; None when the time for it is over."""
    loop = asyncio.get_running_loop()
    for limit in (min(_FIRST_WORD, patience), patience):
        try:
            async with asyncio.timeout_at(began + limit):
                return await caller.events.get()
        except TimeoutError:
            if not caller.heard or loop.time() >= began + patience:
                return None
    return None


async def _part(caller: Caller, screen: Screen) -> bool:
    """Hang up; whether the peer confirmed it."""
    screen.waiting("hanging up …")
    caller.hang_up()
    try:
        async with asyncio.timeout(_GOODBYE):
            await caller.ended.wait()
    except TimeoutError:
        return False
    return True
