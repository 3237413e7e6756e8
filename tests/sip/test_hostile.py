"""Sixty kilobytes of anything cost every parser a bounded time.

The bound is processor time of this process, far above what linear work takes (a few milliseconds) and far below what
quadratic work takes (seconds): a loaded machine does not reach it, a careless pattern does.
"""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest

from trunkline.sip.address import parse_address, tag_of
from trunkline.sip.challenge import parse_challenge, parse_credentials
from trunkline.sip.digest import consistent
from trunkline.sip.grammar import (
    GrammarError,
    next_comma,
    parse_params,
    split_commas,
    unescape,
    unquote,
)
from trunkline.sip.inspect import inspect
from trunkline.sip.message import Request, parse
from trunkline.sip.uri import parse_uri, same
from trunkline.sip.via import first_via, parse_via, salvage_via, stamp

SIZE = 60_000
BOUND = 0.5

PARSERS: list[Callable[[str], object]] = [
    parse_address,
    tag_of,
    parse_challenge,
    parse_credentials,
    next_comma,
    parse_params,
    split_commas,
    unescape,
    unquote,
    parse_uri,
    parse_via,
    first_via,
    salvage_via,
    lambda text: same(parse_uri(text), parse_uri(text + ";x")),
    lambda text: consistent(text, text + "1"),
    lambda text: stamp(parse_via(text), ("::1", 1)),
]

HEADS = [
    "",
    "sip:",
    "tel:",
    "<sip:a@b>",
    "<sip:a@b>;a",
    '"',
    "SIP/2.0/UDP h",
    "SIP/2.0/UDP ",
    "sip:a@b;",
    "x:",
    "Digest a=",
]
REPEATED = [
    *'"\\<>;,=@:%[]() a1.',
    '\\"', '"<', "<>", '"",', "<,>", ";a=b", ";a", ";=", " ;", "; ", " =", "=\"", ';a="b"', "a@", "%41", "%4",
    "\r\n ", " \t",
    "/", "a,", "a=b,", ';rport', ";tag", ";tag ", ':1', "[:", "&a=b", "\t\t;", "é",
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_repeated_pieces(head: str) -> None:
    for piece in REPEATED:
        text = head + piece * (SIZE // len(piece))
        for tail in ("", '"', "@", ">", "x y"):
            value = text + tail
            for parser in PARSERS:
                start = process_time()
                try:
                    parser(value)
                except GrammarError:
                    pass
                assert process_time() - start < BOUND, (head, piece, tail, parser)


@pytest.mark.parametrize("piece", REPEATED)
def test_repeated_pieces_in_a_message(piece: str) -> None:
    long = piece * (SIZE // len(piece))
    for line in (
        f"Contact: {long}", f"Via: {long}", f"From: {long}", f"Require: {long}", f"X{long}: x", long,
        f"Route: <sip:a@b>,{long}", f"CSeq: {long}", f"Content-Length: {long}", f"Max-Forwards: {long}",
        f"To: a\r\n {long}", f"X: {long}\r\n y",
    ):  # fmt: skip
        data = (
            f"OPTIONS sip:a@b SIP/2.0\r\n{line}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n"
            "To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
        ).encode()
        first = f"{line} SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n".encode()
        start = process_time()
        parse(first)
        message = parse(data)
        if isinstance(message, Request):
            inspect(message)
        assert process_time() - start < BOUND, line[:40]
