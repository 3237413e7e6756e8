"""What is written into messages to break them."""

from __future__ import annotations

from hypothesis import strategies as st

_SIGNS = b' \t\0"\\<>;,:=@%[]'
SIGNS = [*(bytes([sign]) for sign in _SIGNS), b"\r\n", b"\n", b"\r", b"\xff", b"\xc3\xa9"]
"""What grammars turn on, and what they cannot have."""
WORDS = [b"%00", b"SIP/2.0", b"Via:", b"v:", b"l: 9\r\n", b"\r\n ", b"\r\n\r\n", b"99999999999", b"-1"]
"""What fields turn on."""


@st.composite
def mutated(draw: st.DrawFn, message: bytes, pieces: list[bytes], most: int) -> bytes:
    """The message with up to `most` pieces of it deleted, doubled, overwritten or filled in."""
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(message)))
        length = draw(st.sampled_from([0, 0, 1, 1, 2, 5, 40, 300]))
        piece = draw(st.sampled_from(pieces) | st.binary(max_size=4) | st.just(message[at : at + length] * 2))
        message = message[:at] + piece + message[at + length :]
    return message
