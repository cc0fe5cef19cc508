"""Kedro outputs as Dagster assets: what is materialised here is a real Kedro run of the nodes behind it."""

# No annotations of the future: Dagster reads those of its functions when they are defined.
import hashlib
import inspect
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from pydantic import Field

from dagster_defs.materials import content_hash, kinds_of, shown
from dagster_defs.mlflow_runs import link, started_by
from dagster_defs.project import POOL, KedroProject

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

OWNER = "team:armlift"

RETRIES, RETRY_SECONDS = 3, 15.0
"""How often a run is repeated while MLflow or the store is away, and after what time, doubled each time."""


class KedroParameters(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Runtime parameters of a run, for all of its Kedro sessions.

    Attributes:
        parameters: As `kedro run --params` takes them, nested: `{"world": {"kind": "aa"}}`.
    """

    parameters: dict[str, Any] = Field(
        default={}, description="What overrules conf/, nested: {world: {kind: aa}, simulation: {seed: 1}}."
    )


def asset_key(name: str) -> dg.AssetKey:
    """Key of a data set's asset: a namespace becomes a prefix, and what is behind `@` is the same asset.

    Example:
        >>> asset_key("monitoring.drift@pandas").to_user_string()
        'monitoring/drift'
    """
    return dg.AssetKey(name.partition("@")[0].split("."))


def kedro_assets(project: KedroProject) -> list[dg.AssetsDefinition]:
    """Make one multi-asset of each pipeline folder; every node is in exactly one."""
    return [_folder_assets(project, folder, nodes) for folder, nodes in project.folders.items()]


def kedro_jobs(project: KedroProject) -> "list[UnresolvedAssetJobDefinition]":
    """Make a job of each registered pipeline, under its name."""
    return [
        dg.define_asset_job(
            name,
            dg.AssetSelection.assets(*(asset_key(output) for output in pipeline.all_outputs())),
            description=f"All of `kedro run --pipelines={name}`, folder by folder, with its checks.",
        )
        for name, pipeline in project.pipelines.items()
    ]


def nodes_to_run(folder: Pipeline, chosen: Collection[str]) -> set[str]:
    """Choose the nodes that make some outputs.

    A node without an output, which logs what others made, runs too once all that its folder makes for it
    is made anew.

    Args:
        folder: Nodes of a pipeline folder.
        chosen: Names of the outputs wanted.

    Returns:
        Names of nodes.
    """
    makers = {node.name for node in folder.nodes if set(node.outputs) & set(chosen)}
    fresh = {output for node in folder.nodes if node.name in makers for output in node.outputs}
    made_here = folder.all_outputs()
    loggers = {
        node.name for node in folder.nodes if not node.outputs and set(node.inputs) & made_here <= fresh
    }
    return makers | loggers


def _folder_assets(project: KedroProject, folder: str, nodes: Pipeline) -> dg.AssetsDefinition:
    names = {asset_key(output): output for node in nodes.nodes for output in node.outputs}
    specs = [_spec(project, folder, node, output) for node in nodes.nodes for output in node.outputs]

    @dg.multi_asset(
        name=f"kedro_{folder}",
        description=f"A Kedro run of nodes of the folder `{folder}`.",
        specs=specs,
        can_subset=True,
        pool=POOL,
    )
    def materialise(
        context: dg.AssetExecutionContext, kedro: KedroParameters
    ) -> Iterator[dg.MaterializeResult[Any]]:
        chosen = {names[key] for key in context.selected_asset_keys}
        running = nodes_to_run(nodes, chosen)
        origin = _run(context, project, running, kedro.parameters)
        for node in nodes.nodes:
            for output in node.outputs if node.name in running else ():
                about, content = origin | shown(project, output), content_hash(project, output)
                if output in chosen:
                    yield dg.MaterializeResult(
                        asset_key=asset_key(output), metadata=about, data_version=dg.DataVersion(content)
                    )
                else:  # what a node writes beside the chosen outputs is new as well
                    tags = {"dagster/data_version": content}
                    context.log_event(dg.AssetMaterialization(asset_key(output), metadata=about, tags=tags))

    return materialise


def _spec(project: KedroProject, folder: str, node: Node, output: str) -> dg.AssetSpec:
    entry = project.catalog_entries[output]
    metadata = entry.get("metadata", {})
    known = [name for name in node.inputs if name in project.catalog_entries]
    return dg.AssetSpec(
        asset_key(output),
        deps=[asset_key(name) for name in known],
        description=f"{metadata.get('description', '')}\n\n{_first_line(node)}".strip(),
        group_name=folder,
        owners=[metadata.get("owner", OWNER)],
        kinds={"kedro", *kinds_of(entry)},
        code_version=_code_version(node),
        freshness_policy=_freshness(metadata.get("fresh_days")),
        metadata={"layer": metadata.get("kedro-viz", {}).get("layer", folder), "node": node.name},
    )


def _freshness(days: float | None) -> dg.FreshnessPolicy | None:
    """How old an asset may be: it warns at half of its days."""
    if days is None:
        return None
    return dg.FreshnessPolicy.time_window(timedelta(days=days), timedelta(days=days / 2))


def _run(
    context: dg.AssetExecutionContext, project: KedroProject, nodes: set[str], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Run nodes; give what the materialisations say of the run."""
    from kedro.validation import ParameterValidationError

    from armlift import tracking
    from armlift.errors import ArmliftError, StoreUnavailable, TrackingError

    session = str(uuid4())
    context.log.info("Kedro runs %s", ", ".join(sorted(nodes)))
    try:
        tracking.use_store(project.root)
        with started_by(context.run.run_id):
            project.run(nodes, parameters, session)
    except (TrackingError, StoreUnavailable) as error:  # soon back, perhaps; nodes can be run again
        raise dg.RetryRequested(
            RETRIES, RETRY_SECONDS * 2**context.op_execution_context.retry_number
        ) from error
    except (ArmliftError, ParameterValidationError) as error:
        raise dg.Failure(str(error), link(session), allow_retries=False) from error
    return link(session)


def _first_line(node: Node) -> str:
    return (inspect.getdoc(node.func) or "").partition("\n")[0]


def _code_version(node: Node) -> str:
    """Hash of the node's source and of armlift's version: nodes are thin, and call the package."""
    return hashlib.sha256(f"{version('armlift')}\n{inspect.getsource(node.func)}".encode()).hexdigest()[:12]
