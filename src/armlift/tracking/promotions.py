"""A recommender earns its alias by an evaluation on the current data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from armlift.errors import ParameterError
from armlift.evaluation.results import direction
from armlift.tracking.alias_moves import AliasMove, Evidence, move_alias
from armlift.tracking.client import entity_key, shorten, tracking_client
from armlift.tracking.evaluations import DATA_TAG, MODEL_TAG
from armlift.tracking.registry import (
    ALIASES,
    RecommenderVersion,
    aliased_versions,
    find_version,
    hyper_parameters,
)
from armlift.tracking.router import ROUTER_POLICIES, register_router

if TYPE_CHECKING:
    from mlflow.entities import Run

DEFAULT_METRIC = "temporal.ndcg@10"
_LONGEST_REASON = 1000


def promote(
    model: str,
    alias: str,
    *,
    data_hash: str,
    data_source: str = "",
    metric: str = DEFAULT_METRIC,
    margin: float = 0.0,
    why: str = "",
    force: bool = False,
) -> AliasMove:
    """Move an alias to a recommender that has earned it; the router follows its policies.

    A recommender needs an evaluation on the current data snapshot, with the hyper-parameters it was trained
    with; to become champion, one that is not worse than the champion's on the same snapshot. It may have been
    trained before the newest ratings came, but not from another data set. Only `force` does without, and then
    a reason must be given.

    Args:
        model: An alias, a version, or a recommender's name for its newest version, of those trained from this
            snapshot if there are any.
        alias: One of `ALIASES`.
        data_hash: Content hash of the current data snapshot.
        data_source: Data set that it is of; empty where that does not matter.
        metric: `<split>.<metric>`, as evaluations log it.
        margin: Accepted loss against the champion, as a share of the champion's value, 0 to 1.
        why: Reason in words, for the audit log.
        force: Overrule what speaks against it.

    Returns:
        The entry of the audit log.

    Raises:
        ParameterError: There is no such model, it has not earned the alias, or a value is out of its bound.
        TrackingError: The store cannot be used.
    """
    if alias not in ALIASES:
        raise ParameterError("alias", alias, f"one of {', '.join(ALIASES)}", "Choose one of these.")
    if not 0.0 <= margin < 1.0:
        raise ParameterError("margin", margin, "0 <= margin < 1", "Give a share such as 0.02.")
    if direction(metric.partition(".")[2]) == 0:
        raise ParameterError(
            "metric", metric, "a metric of which more is better, or less", "Choose one such as ndcg@10."
        )
    if (force and not why.strip()) or len(why) > _LONGEST_REASON:
        bound = f"at most {_LONGEST_REASON} characters, and with --force not empty"
        raise ParameterError("why", why[:50], bound, "Say why: --why TEXT.")
    version = find_version(model, trained_from=data_hash)
    evidence, overruled = None, None
    try:
        _check_source(version, data_source)
        evidence = _weigh(version, alias, data_hash, metric, margin)
    except ParameterError as objection:
        if not force:
            raise
        overruled = str(objection)
    move = move_alias(alias, version, why=why, evidence=evidence, overruled=overruled)
    if alias in ROUTER_POLICIES:
        register_router()
    return move


def _check_source(version: RecommenderVersion, data_source: str) -> None:
    """Raise if the model was trained from another data set: its evaluation is not about this model."""
    with tracking_client() as client:
        trained_from = client.get_run(version.run_id).data.params.get("data.source", data_source)
    if data_source and trained_from != data_source:
        raise ParameterError(
            "model",
            str(version),
            f"trained from {data_source}, as the current data are, not from {trained_from}",
            "Run `kedro run --pipelines=train`, or overrule: --force --why TEXT.",
        )


def _weigh(version: RecommenderVersion, alias: str, data_hash: str, metric: str, margin: float) -> Evidence:
    """Give what speaks for the recommender; raise what speaks against it."""
    own = _evaluation(version, data_hash, metric)
    champion = aliased_versions().get("champion")
    if alias != "champion" or champion is None or champion == version:
        return own
    rival = _evaluation(champion, data_hash, metric)
    worse_by = direction(metric.partition(".")[2]) * (rival.value - own.value)
    if worse_by > margin * abs(rival.value):
        raise ParameterError(
            f"{metric} of {version}",
            round(own.value, 6),
            f"no worse than {rival.value:.6g} of the champion {champion}, within a margin of {margin:.3g}",
            "Keep the champion, accept a larger --margin, or overrule: --force --why TEXT.",
        )
    return Evidence(metric, own.value, own.run_id, rival.value)


def _evaluation(version: RecommenderVersion, data_hash: str, metric: str) -> Evidence:
    """Give the newest evaluation of what is registered: same recommender, same hyper-parameters."""
    runs = _evaluation_runs(version.recommender, data_hash, metric)
    if not runs:
        raise ParameterError(
            "model",
            str(version),
            f"evaluated with {metric} on the current data snapshot {data_hash[:12]}",
            "Run `kedro run --pipelines=evaluate`, or overrule: --force --why TEXT.",
        )
    registered = _as_logged(hyper_parameters(version))
    for run in runs:
        if run.data.params == registered:
            return Evidence(metric, run.data.metrics[entity_key(metric)], run.info.run_id)
    evaluated = runs[0].data.params
    differences = [
        f"{name} {evaluated.get(name, 'unset')} (the model: {registered.get(name, 'unset')})"
        for name in sorted({*evaluated, *registered})
        if evaluated.get(name) != registered.get(name)
    ]
    raise ParameterError(
        "model",
        str(version),
        f"evaluated with its own hyper-parameters; the newest evaluation has {', '.join(differences)}",
        "Give `training` and `evaluation` the same and run `kedro run --pipelines=evaluate`, or overrule: "
        "--force --why TEXT.",
    )


def _evaluation_runs(recommender: str, data_hash: str, metric: str) -> list[Run]:
    """Find the finished evaluations with a finite value of a metric, the newest first."""
    wanted = {MODEL_TAG: recommender, DATA_TAG: data_hash}
    tags = " and ".join(f"tags.`{key}` = '{value}'" for key, value in wanted.items())
    with tracking_client() as client:
        runs = client.search_runs(
            [experiment.experiment_id for experiment in client.search_experiments()],
            f"{tags} and attributes.status = 'FINISHED'",
            order_by=["attributes.start_time DESC"],
        )
    return [run for run in runs if math.isfinite(run.data.metrics.get(entity_key(metric), math.nan))]


def _as_logged(parameters: Mapping[str, object]) -> dict[str, str]:
    """Parameters as MLflow gives them back from a run."""
    from mlflow.utils.validation import MAX_PARAM_VAL_LENGTH

    return {entity_key(name): shorten(str(value), MAX_PARAM_VAL_LENGTH) for name, value in parameters.items()}
