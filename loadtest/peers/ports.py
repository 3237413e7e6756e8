"""Free ports on loopback addresses."""

from __future__ import annotations

import socket


def free(host: str) -> int:
    """A port that is free for UDP and for TCP on a literal address, at this moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(50):
        with socket.socket(family, socket.SOCK_STREAM) as stream, socket.socket(family, socket.SOCK_DGRAM) as datagram:
            stream.bind((host, 0))
            port: int = stream.getsockname()[1]
            try:
                datagram.bind((host, port))
            except OSError:
                continue
            return port
    raise OSError(f"no port is free on {host} for UDP and TCP together")


def bracketed(host: str) -> str:
    """As URIs and Via write it."""
    return f"[{host}]" if ":" in host else host


def listening(host: str, port: int) -> bool:
    """Whether a TCP connection is accepted there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as stream:
        stream.settimeout(0.5)
        return stream.connect_ex((host, port)) == 0


def udp_taken(host: str, port: int) -> bool:
    """Whether somebody has the UDP port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as datagram:
        try:
            datagram.bind((host, port))
        except OSError:
            return True
    return False
