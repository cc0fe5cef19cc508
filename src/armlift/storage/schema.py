"""The one relational schema, the same on SQLite and PostgreSQL.

Times are microseconds since 1970, UTC, in columns named `ts` or ending in `_ts`. Columns that hold JSON are
text, so that a row is stored as it was made. The log (decisions, events) and what is counted from it refer to
experiments without foreign keys: a row that was acknowledged is kept, whatever happens to the rest.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers INTEGER keys by itself, and no others


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str, default: str | None = None) -> Column[str]:
    return Column(
        name, Text, nullable=False, server_default=None if default is None else text(f"'{default}'")
    )


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _sum(name: str) -> Column[float]:
    return Column(name, Double, nullable=False, server_default=text("0"))


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


# Who and what -------------------------------------------------------------------------------------

users = Table(
    "users",
    metadata,
    _key("user_key"),  # keyed hash; the id itself is nowhere
    _time("first_ts"),
    sqlite_with_rowid=False,
)

items = Table(
    "items",
    metadata,
    _key("item_id"),
    _text("title"),
    Column("year", Integer),
    _text("genres", ""),  # separated by |
    sqlite_with_rowid=False,
)

ratings = Table(
    "ratings",
    metadata,
    _key("user_key"),
    _key("item_id"),
    Column("rating", Double, nullable=False),
    _time("ts"),
    sqlite_with_rowid=False,
)

features = Table(
    "features",
    metadata,
    _key("entity"),  # user or item
    _key("entity_id"),
    _key("name"),
    _text("value"),  # JSON
    _time("ts"),
    sqlite_with_rowid=False,
)

# Experiments --------------------------------------------------------------------------------------

experiments = Table(
    "experiments",
    metadata,
    _key("experiment_id"),
    _text("brief"),  # canonical JSON
    _text("brief_hash"),
    _text("state"),
    Column("winner", Text),  # arm that everybody gets once it is completed
    _count("revision"),  # +1 at every change by an administrator
    _time("created_ts"),
    _time("started_ts", nullable=True),
    _time("completed_ts", nullable=True),
    _time("archived_ts", nullable=True),
    _count("settled_ts"),  # decisions before it have their default reward
)

strategies = Table(
    "strategies",
    metadata,
    Column("experiment_id", Text, ForeignKey("experiments.experiment_id"), primary_key=True),
    _key("strategy_id"),
    Column("position", Integer, nullable=False),
    _text("allocation"),
    Column("share", Double, nullable=False),
    _count("version"),  # +1 whenever its rewards' counters or its rules change
    postgresql_with={"fillfactor": 50},
)

arms = Table(
    "arms",
    metadata,
    Column("experiment_id", Text, ForeignKey("experiments.experiment_id"), primary_key=True),
    _key("arm_id"),
    Column("position", Integer, nullable=False),
    _text("label"),
)

assignments = Table(
    "assignments",
    metadata,
    _key("experiment_id"),
    _key("user_key"),
    _text("strategy_id"),
    _text("arm_id"),
    Column("propensity", Double, nullable=False),
    Column("allocation_version", BigInteger, nullable=False),
    _time("ts"),
    # No index by user: its pages, like those of the key, are written anew for almost every new user.
    sqlite_with_rowid=False,
)

# The log, in the order of experiments.log_rows ----------------------------------------------------

decisions = Table(
    "decisions",
    metadata,
    _key("decision_id"),
    _time("ts"),
    _text("experiment_id"),
    _text("strategy_id"),
    _text("arm_id"),
    Column("propensity", Double, nullable=False),
    Column("allocation_version", BigInteger, nullable=False),
    _text("user_key"),
    _text("session_id"),
    _text("context"),  # JSON
    _flag("simulated"),
    _flag("bot_flag"),
    _text("flag_reasons"),
    # Only indexes that grow at their end: one by user would cost four times the rest of an insertion.
    Index(None, "ts"),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    _key("event_id"),
    _text("decision_id"),
    _time("ts"),
    _time("ts_server"),
    _text("experiment_id"),
    _text("strategy_id"),
    _text("arm_id"),
    Column("propensity", Double),
    Column("allocation_version", BigInteger),
    _text("user_key"),
    _text("session_id"),
    _text("item_id"),
    Column("position", Integer),
    _text("event_type"),
    Column("reward", Double),
    Column("revenue", Double),
    Column("price", Double),
    Column("quantity", Integer),
    _text("device"),
    _text("channel"),
    _flag("simulated"),
    _flag("bot_flag"),
    _flag("srm_flag"),
    _flag("guardrail_breach"),
    _text("flag_reasons"),
    _text("context"),  # JSON
    Index(None, "ts_server"),
    sqlite_with_rowid=False,
)


def _counters() -> tuple[Column[Any], ...]:
    return (
        _count("decisions"),
        _count("rewards"),
        _sum("reward_total"),
        _sum("reward_squares"),
        _count("impressions"),
        _count("clicks"),
        _count("add_to_carts"),
        _count("purchases"),
        _count("likes"),
        _count("dislikes"),
        _sum("revenue"),
        _count("excluded"),  # flagged decisions and events, which raise nothing else
    )


counters = Table(
    "counters",
    metadata,
    _key("experiment_id"),
    _key("strategy_id"),
    _key("arm_id"),
    *_counters(),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 50},  # its few rows change all the time: room to do it in place
)

# What leaves the store: sums by day ---------------------------------------------------------------

day_counters = Table(
    "day_counters",
    metadata,
    _key("experiment_id"),
    _key("strategy_id"),
    _key("day"),  # of arrival, UTC, ISO 8601
    _key("session_batch"),
    _key("arm_id"),
    *_counters(),
    _sum("propensity_total"),
    sqlite_with_rowid=False,
    postgresql_with={"fillfactor": 50},
)

live_runs = Table(
    "live_runs",
    metadata,
    _key("experiment_id"),
    _key("strategy_id"),
    _key("day"),
    _key("session_batch"),
    Column("run_id", Text),  # in the tracking store, once it is there
    _count("changes"),  # sum of all counts at the last cut
    _text("totals", "{}"),  # JSON: sums by arm at the last cut
    Column("closed", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)

live_windows = Table(
    "live_windows",
    metadata,
    Column("number", _NUMBER, primary_key=True),
    _text("experiment_id"),
    _text("strategy_id"),
    _text("day"),
    _text("session_batch"),
    _time("ts"),
    _text("sums"),  # JSON: change and total by arm
    sqlite_autoincrement=True,
)

# What people look at: sums by time ----------------------------------------------------------------

interval_sums = Table(
    "interval_sums",
    metadata,
    _key("experiment_id"),
    _key("segment"),  # empty for all traffic, else a name such as device
    Column("bucket_ts", BigInteger, primary_key=True, autoincrement=False),  # its start
    _key("segment_value"),  # empty for all traffic, and where it is unknown
    _key("strategy_id"),
    _key("arm_id"),
    Column("simulated", Boolean, primary_key=True),
    *_counters(),
    _sum("propensity_total"),
    Index(None, "bucket_ts"),
    sqlite_with_rowid=False,
)

# Models and operation -----------------------------------------------------------------------------

models = Table(
    "models",
    metadata,
    _key("name"),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    _text("source"),  # what it came with
    _text("metrics", "{}"),  # JSON
    _time("created_ts"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("deployment_id", _NUMBER, primary_key=True),
    _time("ts"),
    _text("arm_id"),
    _text("model_name"),
    Column("model_version", BigInteger, nullable=False),
    _text("slates_version"),
    ForeignKeyConstraint(["model_name", "model_version"], ["models.name", "models.version"]),
    Index("uq_deployments_slates_version_arm_id", "slates_version", "arm_id", unique=True),
)

monitoring = Table(
    "monitoring",
    metadata,
    Column("monitoring_id", _NUMBER, primary_key=True),
    _time("ts"),
    _text("experiment_id"),
    _text("metric"),
    _text("segment", ""),
    Column("value", Double),
    Column("threshold", Double),
    Column("alarm", Boolean, nullable=False),
    _text("details", "{}"),  # JSON
    Index(None, "experiment_id", "ts"),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", _NUMBER, primary_key=True),
    _time("ts"),
    _text("experiment_id"),
    _text("action"),
    _text("state_before"),
    _text("state_after"),
    _text("who"),
    _text("why"),
    _text("brief_hash"),
    _text("details", "{}"),  # JSON
    Index(None, "experiment_id", "ts"),
)

api_keys = Table(
    "api_keys",
    metadata,
    _key("key_id"),
    Column(
        "key_hash", Text, nullable=False, unique=True
    ),  # keyed; the key itself is shown once and kept nowhere
    _text("name"),
    _text("scopes"),  # comma-separated
    _time("created_ts"),
    _time("revoked_ts", nullable=True),
)

exports = Table(
    "exports",
    metadata,
    _key("name"),
    _count("watermark"),
    Column("lease_holder", Text),
    _time("lease_until_ts", nullable=True),
)
