"""The trust store: whom we trust to vouch for callers, from a file or a directory of files."""

from __future__ import annotations

from pathlib import Path

from cryptography.x509 import Certificate

from trunkline.identity.chain import certificates

_SUFFIXES = frozenset({".pem", ".crt", ".cer"})


def anchors_in(place: str | None) -> tuple[Certificate, ...]:
    """The certificates in a PEM file, or in the `.pem`, `.crt` and `.cer` files of a directory. Raises OSError, and
    ValueError for what holds none."""
    if place is None:
        return ()
    path = Path(place)
    files = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES) if path.is_dir() else [path]
    found: list[Certificate] = []
    for file in files:
        try:
            found += certificates(file.read_bytes())
        except ValueError as error:
            raise ValueError(f"{file.name} holds no certificate ({error})") from None
    if not found:
        raise ValueError("it holds no certificates")
    return tuple(found)
