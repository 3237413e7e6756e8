"""Alembic migrations. `env.py` is run by alembic, never imported."""
