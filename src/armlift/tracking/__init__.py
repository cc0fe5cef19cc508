"""MLflow: the store, and what a run keeps in it. Nothing else imports MLflow."""

import os

# Nobody is told of a run; MLflow asks when it is imported, which is later, inside functions.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# A bar for each of a model's three small files says less than the one line of the node.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from armlift.tracking.artifacts import log_images, log_pages, log_summary
from armlift.tracking.client import active_run_id, kill_open_run
from armlift.tracking.plans import log_plan, log_rule_runs, log_tables
from armlift.tracking.policies import log_policy_runs, log_verdict
from armlift.tracking.provenance import (
    flatten_parameters,
    log_data_snapshot,
    log_git_state,
    log_run_parameters,
)
from armlift.tracking.recommenders import log_recommenders
from armlift.tracking.store import ensure_store

__all__ = [
    "active_run_id",
    "ensure_store",
    "flatten_parameters",
    "kill_open_run",
    "log_data_snapshot",
    "log_git_state",
    "log_images",
    "log_pages",
    "log_plan",
    "log_policy_runs",
    "log_recommenders",
    "log_rule_runs",
    "log_run_parameters",
    "log_summary",
    "log_tables",
    "log_verdict",
]
