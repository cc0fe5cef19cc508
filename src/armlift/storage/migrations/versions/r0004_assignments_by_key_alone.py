"""Assignments are found by their key; the index by user made a third of what a new user costs the store."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Drop the index by user."""
    op.drop_index("ix_assignments_user_key", "assignments")
