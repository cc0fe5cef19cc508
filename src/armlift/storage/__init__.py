"""What live traffic reads and writes: the store, its log and its counters; and the slates it is shown."""

from armlift.storage.aggregates import LiveAggregates
from armlift.storage.api_keys import ApiKey, KeyRing, create_key, list_keys, load_keys, revoke_key
from armlift.storage.assignments import find_assignment, recent_assignments
from armlift.storage.audit import AuditRow
from armlift.storage.database import Database, open_database
from armlift.storage.decisions import last_decision
from armlift.storage.deployments import Deployment, deployments_of, record_deployment, slates_name
from armlift.storage.experiment_rows import ExperimentRow, LiveSnapshot, LiveState, StrategySums
from armlift.storage.experiments import ExperimentStore
from armlift.storage.group_commit import GroupCommit
from armlift.storage.interval_sums import IntervalReport
from armlift.storage.ledger import AssignmentRow, Outcome
from armlift.storage.migrations import migrate
from armlift.storage.readings import Readings
from armlift.storage.retention import expire, forget
from armlift.storage.settlement import settle
from armlift.storage.slates import (
    NEW_USER,
    Manifest,
    ServedModel,
    SlateItems,
    SlateSnapshot,
    SlateSnapshots,
    items_by_popularity,
    read_slates,
    slate_versions,
    write_slates,
)

__all__ = [
    "NEW_USER",
    "ApiKey",
    "AssignmentRow",
    "AuditRow",
    "Database",
    "Deployment",
    "ExperimentRow",
    "ExperimentStore",
    "GroupCommit",
    "IntervalReport",
    "KeyRing",
    "LiveAggregates",
    "LiveSnapshot",
    "LiveState",
    "Manifest",
    "Outcome",
    "Readings",
    "ServedModel",
    "SlateItems",
    "SlateSnapshot",
    "SlateSnapshots",
    "StrategySums",
    "create_key",
    "deployments_of",
    "expire",
    "find_assignment",
    "forget",
    "items_by_popularity",
    "last_decision",
    "list_keys",
    "load_keys",
    "migrate",
    "open_database",
    "read_slates",
    "recent_assignments",
    "record_deployment",
    "revoke_key",
    "settle",
    "slate_versions",
    "slates_name",
    "write_slates",
]
