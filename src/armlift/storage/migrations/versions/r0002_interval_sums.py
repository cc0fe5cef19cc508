"""Sums by stretches of time and by segment, for those who look at live traffic."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table, and note what of the log is gone already: sums of it cannot be made again."""

    def count(name: str) -> sa.Column[int]:
        return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)

    def total(name: str) -> sa.Column[float]:
        return sa.Column(name, sa.Double(), server_default=sa.text("0"), nullable=False)

    key = ("experiment_id", "segment", "bucket_ts", "segment_value", "strategy_id", "arm_id", "simulated")
    op.create_table(
        "interval_sums",
        sa.Column("experiment_id", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("bucket_ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("segment_value", sa.Text(), nullable=False),
        sa.Column("strategy_id", sa.Text(), nullable=False),
        sa.Column("arm_id", sa.Text(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        count("decisions"),
        count("rewards"),
        total("reward_total"),
        total("reward_squares"),
        *map(count, ("impressions", "clicks", "add_to_carts", "purchases", "likes", "dislikes")),
        total("revenue"),
        count("excluded"),
        total("propensity_total"),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_interval_sums")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_interval_sums_bucket_ts"), "interval_sums", ["bucket_ts"], unique=False)
    connection = op.get_bind()
    expiries = connection.execute(sa.text("SELECT details FROM audit WHERE action = 'expire'")).scalars()
    before = max((json.loads(details).get("before", 0) for details in expiries), default=0)
    if before:
        mark = sa.text("INSERT INTO exports (name, watermark) VALUES ('log.deleted_before', :before)")
        connection.execute(mark, {"before": before})
