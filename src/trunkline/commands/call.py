"""`trunkline call`: a real call, its ladder as it happens, and whether its audio came back."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trunkline.commands.server import add_config, settings_of
from trunkline.commands.terminal import FAILED, MISUSED, Sorry, console
from trunkline.sip.flow import Address, host_port

if TYPE_CHECKING:
    from trunkline.call.leg.credentials import Credentials
    from trunkline.commands.placing import Plan
    from trunkline.settings import Settings
    from trunkline.sip.uri import Uri

_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
_BARE_V6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_PEOPLES = re.compile(r"^[\d+(][\d\s().+/-]*[\s().+/-]")
"""A number with the separators of people, which is not a user that somebody could have."""
_DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
_NEAR = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "call",
        help="place a real call and hear whether its audio comes back",
        description="Place a real SIP call with audio, draw its messages as they pass, and say whether the audio came "
        "back (the echo agent returns it). Ends with 0 when it did, else with 1. Ctrl-C hangs up.",
    )
    parser.add_argument("number", metavar="NUMBER", help="what to dial: a number, or a whole SIP URI")
    parser.add_argument("--country", metavar="CODE", help="read numbers without + as dialled in this country, as US")
    where = parser.add_argument_group("where")
    where.add_argument("--to", metavar="HOST[:PORT]", help="the edge (default: this machine's, by its settings)")
    where.add_argument("--transport", choices=("udp", "tcp", "tls"), help="default: udp, or what the URI says")
    where.add_argument("--ca", metavar="FILE", type=Path, help="TLS: trust the authorities in this PEM file")
    where.add_argument("--insecure", action="store_true", help="TLS: trust any certificate")
    add_config(where)
    who = parser.add_argument_group("who calls")
    who.add_argument("--from", dest="caller", metavar="NUMBER", help="a number, or a whole SIP URI")
    who.add_argument("--user", metavar="NAME", help="answer a challenge as this user")
    who.add_argument("--password", metavar="TEXT", help="with this password (asked for when --user stands alone)")
    what = parser.add_argument_group("what is tried")
    what.add_argument(
        "--codec", action="append", choices=("PCMU", "PCMA", "G722"), type=str.upper, default=[],
        help="offer only this; again for more (default: all three)",
    )  # fmt: skip
    what.add_argument("--seconds", type=_seconds, default=3.0, help="how long to speak (default: %(default)g)")
    what.add_argument("--timeout", type=_seconds, default=60.0, help="how long it may ring (default: %(default)g)")
    what.add_argument(
        "--expect", choices=("echo", "audio", "answer"), default="echo",
        help="what counts as success: our audio back, any audio, or just an answer (default: %(default)s)",
    )  # fmt: skip
    what.add_argument("--full", action="store_true", help="print each message too, with secrets hidden")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import asyncio

    from trunkline.commands.placing import place
    from trunkline.commands.screen import Screen
    from trunkline.commands.verdict import verdict
    from trunkline.transport.errors import ListenError

    plan = read(args)
    screen = Screen(console(), args.full)
    screen.say(f"Calling {plan.target.uri}")
    try:
        outcome = asyncio.run(place(plan, screen))
    except ListenError as error:
        raise Sorry(f"no socket to call from: {error}") from None
    found = verdict(outcome, plan, args.expect)
    screen.say("")
    for line in found.lines:
        screen.say(line, ("bold green" if found.good else "bold red") if line[:1] in "✓✗" else "")
    if args.user is not None and outcome.set_up is not None and not screen.asked:
        screen.say("  Nobody asked for a password: what --user says was not put to the test.")
    return 0 if found.good else FAILED


def read(args: argparse.Namespace) -> Plan:
    """What the arguments ask for. Raises Sorry."""
    from trunkline.call.leg.target import Target
    from trunkline.commands.placing import Plan
    from trunkline.model.trunk import TlsProfile
    from trunkline.sip.uri import UriError, parse_uri

    uri, transport, proxy = args.number, args.transport, None
    if re.match(r"(?i)sips?:", uri):
        try:
            parsed = parse_uri(uri)
        except UriError as error:
            raise Sorry(f"{uri!r} is no SIP URI ({error}): write sip:NAME@HOST, or a number", MISUSED) from None
        if args.to is not None:
            spoken = _with_transport(transport or "udp")
            proxy = f"sip:{host_port(_address(args.to, transport or 'udp'))};lr{spoken}"
        elif not parsed.host:
            raise Sorry(f"{uri!r} names no host: write sip:NAME@HOST", MISUSED)
    else:
        transport = transport or "udp"
        address = _address(args.to, transport) if args.to is not None else _nearby(settings_of(args), transport)
        uri = str(_user_at(args.number, args.country, address[0], address[1])) + _with_transport(transport)
    caller = _caller(args.caller, args.country)
    tls = TlsProfile(verify=not args.insecure, ca_bundle=_authorities(args.ca))
    target = Target(uri, caller, f"<{uri}>", "", 70, transport, tls, proxy, False, _credentials(args))
    return Plan(target, tuple(dict.fromkeys(args.codec)), args.seconds, args.timeout)


def _user_at(text: str, country: str | None, host: str, port: int | None) -> Uri:
    """The URI of a number as people write it, or of any other user, at a host."""
    from trunkline.routing.telephone import canonical
    from trunkline.sip.uri import sip_uri

    number = canonical(text, country)
    if number is None and _PEOPLES.search(text):
        raise Sorry(
            f"{text!r} is no whole number{f' in {country}' if country else ''}: write it as +12025550100, or add "
            "--country CODE",
            MISUSED,
        )
    user = number or text
    if not user or not user.isprintable() or any(character.isspace() for character in user):
        raise Sorry(f"{text!r} cannot be dialled: write a number as +12025550100, or sip:NAME@HOST", MISUSED)
    return sip_uri(host, user, port)


def _with_transport(transport: str) -> str:
    return "" if transport == "udp" else f";transport={transport}"


def _caller(text: str | None, country: str | None) -> str:
    """The From value. `{host}` is our own address on the way that is taken."""
    from trunkline.sip.uri import UriError, parse_uri

    if text is None:
        return "<sip:trunkline@{host}>"
    if re.match(r"(?i)(?:sips?|tel):", text):
        try:
            parse_uri(text)
        except UriError as error:
            raise Sorry(
                f"{text!r} is no URI ({error}): write --from +12025550123 or --from sip:NAME@HOST", MISUSED
            ) from None
        return f"<{text}>"
    return f"<{_user_at(text, country, 'caller.invalid', None)}>".replace("@caller.invalid", "@{host}")


def _address(text: str, transport: str) -> Address:
    """A host, a literal IPv6 address with or without brackets, and the port or the transport's own."""
    if _BARE_V6.fullmatch(text):
        return text, _DEFAULT_PORTS[transport]
    match = _HOST_PORT.fullmatch(text)
    if match is None or not int(match[2] or 1) or int(match[2] or 1) > 65535:
        raise Sorry(
            f"{text!r} is no place to call: write --to HOST:PORT, as 192.0.2.7:5060 or [2001:db8::7]:5060", MISUSED
        )
    return match[1].strip("[]"), int(match[2]) if match[2] else _DEFAULT_PORTS[transport]


def _nearby(settings: Settings, transport: str) -> Address:
    """Where an edge with these settings listens, as seen from this machine."""
    for listener in settings.sip.listeners:
        if listener.transport == transport and (transport != "tls" or listener.certificate is not None):
            port = listener.port if listener.port is not None else _DEFAULT_PORTS[transport]
            if port:
                return _NEAR.get(listener.host, listener.host), port
    raise Sorry(
        f"the settings name no {transport.upper()} listener with a port: say where to call with --to HOST:PORT", MISUSED
    )


def _authorities(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not PEM"
        raise Sorry(f"{path} cannot be read for --ca: {reason}", MISUSED) from None


def _credentials(args: argparse.Namespace) -> Credentials | None:
    from trunkline.call.leg.credentials import Credentials
    from trunkline.model.secret import Secret

    if args.user is None:
        if args.password is not None:
            raise Sorry("--password is given without the --user it belongs to", MISUSED)
        return None
    password = args.password
    if password is None:
        import getpass

        try:
            password = getpass.getpass(f"Password of {args.user}: ")
        except EOFError:
            raise Sorry("no password: give --password with --user", MISUSED) from None
    return Credentials(args.user, Secret(password))


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 86400:
        raise ValueError(text)
    return value
