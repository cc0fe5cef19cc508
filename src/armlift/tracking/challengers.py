"""A retrained recommender waits as challenger: registered once for each drifted window."""

from __future__ import annotations

from armlift.tracking.alias_moves import Evidence, alias_moves, move_alias
from armlift.tracking.client import tracking_client
from armlift.tracking.registration import register_version
from armlift.tracking.registry import RECOMMENDERS, RecommenderVersion, find_version

CHALLENGER = "challenger"
WINDOW_TAG = "armlift.drift_window"


def register_challenger(
    run_id: str, name: str, model_id: str, *, data_hash: str, window: str, evidence: Evidence
) -> RecommenderVersion:
    """Register a recommender as a version of its window and give it the alias `challenger`.

    Done again for the same window, whatever an interrupted call left is completed and nothing is doubled. An
    alias that somebody has moved on since then stays where it is. No other alias is touched.

    Args:
        run_id: MLflow run of the training.
        name: Name of the recommender.
        model_id: MLflow's id of the model, from `log_recommenders`.
        data_hash: Content hash of the data that it was trained on.
        window: Key of the drifted window.
        evidence: Evaluation that speaks for it, for the audit log.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        found = client.search_model_versions(f"name = '{RECOMMENDERS}' and tags.`{WINDOW_TAG}` = '{window}'")
    if found:
        version = find_version(str(found[0].version))
    else:
        version = register_version(run_id, name, model_id, data_hash, {WINDOW_TAG: window})
    moves = [move for move in alias_moves() if move.alias == CHALLENGER]
    if all(move.to_version != version.number for move in moves):
        move_alias(CHALLENGER, version, why=f"retrained after drift in {window}", evidence=evidence)
    elif moves[-1].to_version == version.number:  # written down; a kill may have come before the move
        with tracking_client() as client:
            client.set_registered_model_alias(RECOMMENDERS, CHALLENGER, str(version.number))
    return version
