"""Sockets: UDP, TCP, TLS, and where a URI leads (RFC 3263)."""
