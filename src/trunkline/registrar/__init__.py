"""Registrations, both ways and pure: ours at carriers, and those of others with us."""
