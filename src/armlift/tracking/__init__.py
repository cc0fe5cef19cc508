"""MLflow: the store, and what a run keeps in it. Nothing else imports MLflow."""

import os

# Nobody is told of a run; MLflow asks when it is imported, which is later, inside functions.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# A bar for each of a model's three small files says less than the one line of the node.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from armlift.tracking.alias_moves import AliasMove, Evidence, alias_moves, move_alias
from armlift.tracking.alias_slates import AliasSlates, alias_slates
from armlift.tracking.artifacts import log_images, log_pages, log_summary
from armlift.tracking.challengers import register_challenger
from armlift.tracking.client import active_run_id, kill_open_run
from armlift.tracking.drift_runs import log_drift
from armlift.tracking.evaluations import log_evaluation_runs, log_evaluation_verdict
from armlift.tracking.live_exporter import export_until_orphaned, keep_exporting
from armlift.tracking.live_runs import ExportReport, LiveSource, export_live
from armlift.tracking.plans import log_plan, log_rule_runs, log_tables
from armlift.tracking.policies import log_policy_runs, log_verdict
from armlift.tracking.promotions import promote
from armlift.tracking.provenance import (
    flatten_parameters,
    log_data_snapshot,
    log_git_state,
    log_run_parameters,
)
from armlift.tracking.recommenders import log_recommenders
from armlift.tracking.registration import register_recommenders
from armlift.tracking.registry import (
    ALIASES,
    RecommenderVersion,
    aliased_versions,
    find_version,
    load_policy,
    use_store,
)
from armlift.tracking.router import ROUTER, ROUTER_POLICIES, register_router, route
from armlift.tracking.store import ensure_store
from armlift.tracking.tuning_runs import log_trial_runs, log_tuning

__all__ = [
    "ALIASES",
    "ROUTER",
    "ROUTER_POLICIES",
    "AliasMove",
    "AliasSlates",
    "Evidence",
    "ExportReport",
    "LiveSource",
    "RecommenderVersion",
    "active_run_id",
    "alias_moves",
    "alias_slates",
    "aliased_versions",
    "ensure_store",
    "export_live",
    "export_until_orphaned",
    "find_version",
    "flatten_parameters",
    "keep_exporting",
    "kill_open_run",
    "load_policy",
    "log_data_snapshot",
    "log_drift",
    "log_evaluation_runs",
    "log_evaluation_verdict",
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
    "log_trial_runs",
    "log_tuning",
    "log_verdict",
    "move_alias",
    "promote",
    "register_challenger",
    "register_recommenders",
    "register_router",
    "route",
    "use_store",
]
