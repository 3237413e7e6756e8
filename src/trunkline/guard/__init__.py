"""Rates, overload, bans, nonces, and what a day's calls out cost, pure."""
