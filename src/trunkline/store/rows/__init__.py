"""Repositories: a file for each kind of record."""
