"""The engine's plan, from the settings."""

from __future__ import annotations

import socket

from trunkline.call.decision.verdict import Policy
from trunkline.call.leg.extensions import Extensions
from trunkline.engine.engine import Plan
from trunkline.guard.bans import Terms
from trunkline.guard.rate import Rate
from trunkline.registrar import terms
from trunkline.settings.check import external
from trunkline.settings.tree import DEFAULT_LISTENERS, Abuse, Listener, Settings
from trunkline.sip.timers import Timing
from trunkline.transport.limits import Limits
from trunkline.transport.listener import ListenerSpec


def plan_of(settings: Settings) -> Plan:
    """What the settings say of the engine, in its own words."""
    sip, media, connections = settings.sip, settings.media, settings.sip.connections
    rate = sip.source_calls_per_second
    return Plan(
        worker=settings.worker,
        brand=settings.brand[:1].upper() + settings.brand[1:],
        realm=sip.domain or settings.brand,
        listeners=tuple(_spec(listener) for listener in _usable(sip.listeners)),
        limits=Limits(
            receive_buffer=sip.receive_buffer,
            connections=connections.accepted,
            connections_per_source=connections.per_source,
            handshakes=connections.handshakes,
            connections_outbound=connections.outbound,
            connect_time=connections.connect_time,
            handshake_time=connections.handshake_time,
            message_time=connections.message_time,
            idle_time=connections.idle_time,
            stranger_time=connections.stranger_time,
        ),
        timing=Timing(sip.timers.t1, sip.timers.t2, sip.timers.t4),
        extensions=Extensions(sip.session_expires, sip.min_se, sip.reliable_early_media),
        attempt=sip.attempt_timeout,
        mtu=sip.mtu,
        name_servers=sip.name_servers,
        policy=Policy(
            domain=sip.domain or "",
            unknown_source=sip.unknown_sources,
            source_rate=Rate.of(rate) if rate else None,
            max_calls=sip.max_calls or None,
            registrar=terms.Terms(
                shortest=sip.registrar.shortest,
                usual=sip.registrar.usual,
                longest=sip.registrar.longest,
                contacts=sip.registrar.contacts,
                algorithms=sip.registrar.algorithms,
            ),
        ),
        overload=(sip.overload.target, sip.overload.interval, sip.overload.limit),
        abuse=_terms(sip.abuse),
        trust_store=str(settings.identity.trust_store) if settings.identity.trust_store is not None else None,
        identity_timeout=settings.identity.timeout,
        identity_networks=settings.identity.networks,
        media_host=media.address,
        media_address=media.external_address,
        media_ports=(media.first_port, media.last_port),
        silence=media.silence_timeout,
        traced_calls=settings.trace.calls,
        traced_messages=settings.trace.messages_per_call,
        traced_bytes=settings.trace.bytes_per_call,
    )


def _terms(abuse: Abuse) -> Terms:
    answers = abuse.answers_per_second
    return Terms(
        offences=abuse.offences,
        forgiven=abuse.forgiven_after,
        first=abuse.ban_time,
        longest=abuse.longest_ban,
        answers=Rate(answers, max(2.0, 2 * answers)) if answers else None,
        never=abuse.never,
    )


def _usable(listeners: tuple[Listener, ...]) -> tuple[Listener, ...]:
    """Of the listeners that nobody asked for, those of a family that this host has."""
    if listeners != DEFAULT_LISTENERS or _has_ipv6():
        return listeners
    return tuple(listener for listener in listeners if ":" not in listener.host)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _spec(listener: Listener) -> ListenerSpec:
    return ListenerSpec(
        transport=listener.transport,
        host=listener.host,
        port=listener.port,
        external_address=external(listener),
        certificate=str(listener.certificate) if listener.certificate is not None else None,
        private_key=str(listener.private_key) if listener.private_key is not None else None,
        client_ca=str(listener.client_ca) if listener.client_ca is not None else None,
        asks=listener.client_certificate == "ask",
    )
