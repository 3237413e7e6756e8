"""Rates, bans and nonces, pure."""
