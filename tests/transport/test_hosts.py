"""A hosts file is read as people write it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.transport.hosts import read


def test_names_addresses_and_comments() -> None:
    text = """
    # a comment
    192.0.2.1   One.example.com. one   # another
    2001:DB8::1 one
    192.0.2.1\tone
    192.0.2.1
    192.0.2.999 broken
    words here
    """
    assert read(text) == {
        "one.example.com": ("192.0.2.1",),
        "one": ("192.0.2.1", "2001:db8::1"),
        "localhost": ("127.0.0.1", "::1"),
    }


def test_localhost_is_what_the_file_says() -> None:
    assert read("127.0.0.1 localhost")["localhost"] == ("127.0.0.1",)


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert "localhost" in read(text)
