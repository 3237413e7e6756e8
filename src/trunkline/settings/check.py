"""What no single setting shows: faults between settings, and texts that must be addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from trunkline.settings.tree import Listener, Settings
from trunkline.sip.flow import Address

_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")


def external(listener: Listener) -> Address | None:
    """The host, without brackets, and port that a listener is known by outside; port 0 stands for the listener's own.
    None when it is known by its own address. Raises ValueError."""
    text = listener.external_address
    if text is None:
        return None
    if ":" in text and literal(text):
        return text, 0
    match = _HOST_PORT.fullmatch(text)
    if match is None or int(match[2] or 0) > 65535 or (text.startswith("[") and not literal(match[1].strip("[]"))):
        raise ValueError(text)
    return match[1].strip("[]"), int(match[2] or 0)


def literal(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def check(settings: Settings) -> Iterator[tuple[str, str]]:
    """The name of each faulty setting, and what is wrong and to do."""
    yield from _listeners(settings.sip.listeners)
    for name, host in (("media.address", settings.media.address), ("api.host", settings.api.host),
                       ("media.external_address", settings.media.external_address)):  # fmt: skip
        if host is not None and not literal(host):
            yield name, f"{host!r} is no literal IPv4 or IPv6 address"
    yield from _networks("api.trusted_proxies", settings.api.trusted_proxies)
    yield from _networks("sip.abuse.never", settings.sip.abuse.never)
    abuse = settings.sip.abuse
    if abuse.longest_ban < abuse.ban_time:
        yield "sip.abuse.longest_ban", f"must not be less than sip.abuse.ban_time ({abuse.ban_time:g})"
    for text in settings.sip.name_servers:
        match = _HOST_PORT.fullmatch(text)
        if not literal(text) and (match is None or not literal(match[1].strip("[]")) or int(match[2] or 53) > 65535):
            yield "sip.name_servers", f"{text!r} is neither a literal address nor address:port"
    store = settings.identity.trust_store
    if store is not None and not store.exists():
        yield "identity.trust_store", f"there is no file or directory {store}"
    yield from _networks("identity.networks", settings.identity.networks)
    media = settings.media
    if media.first_port + media.first_port % 2 >= media.last_port:
        span = f"from {media.first_port} to {media.last_port}"
        yield "media.last_port", f"no even port with its successor lies {span}; a call takes two ports"
    timers = settings.sip.timers
    if timers.t1 > timers.t2:
        yield "sip.timers.t2", f"must not be less than sip.timers.t1 ({timers.t1}): it is the longest gap"
    registrar = settings.sip.registrar
    if not registrar.algorithms:
        yield "sip.registrar.algorithms", "name one at least: SHA-256, MD5"
    if registrar.shortest > registrar.longest:
        yield "sip.registrar.longest", f"must not be less than sip.registrar.shortest ({registrar.shortest})"
    if 0 < settings.sip.session_expires < settings.sip.min_se:
        yield "sip.session_expires", f"must not be less than sip.min_se ({settings.sip.min_se}); 0 asks for no timer"
    yield from _pair("api", settings.api.certificate, settings.api.private_key)
    for field in structs.fields(settings.providers):
        url = getattr(settings.providers, field.name)
        if isinstance(url, str) and not re.fullmatch(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", url):
            yield f"providers.{field.name}", f"{url!r} is no http or https URL without a query"
    if settings.store.url is not None and not re.match(r"(?:sqlite|postgres(?:ql)?)://", settings.store.url):
        yield "store.url", "begin it with sqlite:/// or postgresql://"


def _networks(name: str, networks: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for text in networks:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            yield name, f"{text!r} is no network, as 10.0.0.0/8 or 192.0.2.7: {error}"


def _listeners(listeners: tuple[Listener, ...]) -> Iterator[tuple[str, str]]:
    if not listeners:
        yield "sip.listeners", "at least one is needed; leave the setting out for UDP and TCP on port 5060"
    seen: set[tuple[str, str, int]] = set()
    for index, each in enumerate(listeners):
        name = f"sip.listeners[{index}]"
        if not literal(each.host):
            yield f"{name}.host", f"{each.host!r} is no literal address; write 0.0.0.0 or :: for every address"
        try:
            external(each)
        except ValueError:
            yield f"{name}.external_address", f"{each.external_address!r} is neither host nor host:port"
        yield from _pair(name, each.certificate, each.private_key)
        if each.transport != "tls" and (each.certificate or each.client_ca):
            yield f"{name}.certificate", f"only a tls listener takes certificates; this one is {each.transport}"
        port = each.port if each.port is not None else 5061 if each.transport == "tls" else 5060
        # UDP and TCP have ports of their own; TLS shares TCP's.
        place = ("udp" if each.transport == "udp" else "tcp", each.host, port)
        if port and place in seen:
            yield f"{name}.port", f"{each.host} port {port} is taken by a listener above it"
        seen.add(place)


def _pair(name: str, certificate: Path | None, private_key: Path | None) -> Iterator[tuple[str, str]]:
    if private_key is not None and certificate is None:
        yield f"{name}.certificate", f"{name}.private_key is set, so the certificate it belongs to is needed"
