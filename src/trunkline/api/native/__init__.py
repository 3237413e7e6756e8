"""The native surface, /v1: one resource, one file."""
