"""A version of the slates is deployed once for each arm, however many routers take it."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the unique index; until now nothing wrote the table."""
    op.create_index(
        "uq_deployments_slates_version_arm_id", "deployments", ["slates_version", "arm_id"], unique=True
    )
