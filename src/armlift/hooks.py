"""What armlift adds to every Kedro run: the MLflow store, the run's origin, progress, and short errors."""

from __future__ import annotations

import atexit
import logging
import sys
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

from kedro.config import AbstractConfigLoader, MissingConfigException
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation import ParameterValidationError
from omegaconf import OmegaConf

from armlift import tracking
from armlift.environment import artifact_location
from armlift.errors import ArmliftError

logger = logging.getLogger(__name__)


class RunHooks:
    """Hooks around a run. kedro-mlflow opens and closes the MLflow run; these fill it."""

    def __init__(self) -> None:
        self._config: AbstractConfigLoader | None = None
        self._root = Path()
        self._run_started = 0.0
        self._node_started: dict[str, float] = {}

    @hook_impl(tryfirst=True)  # kedro-mlflow reads mlflow.yml and opens the store in this same hook
    def after_context_created(self, context: KedroContext) -> None:
        """Create the MLflow store if need be, and tell mlflow.yml where it is."""
        sys.excepthook = show_uncaught
        self._config, self._root = context.config_loader, Path(context.project_path)
        uri, artifacts = tracking.ensure_store(self._root), artifact_location(self._root)
        OmegaConf.register_resolver("armlift.tracking_uri", lambda: uri, replace=True)
        OmegaConf.register_resolver("armlift.artifact_location", lambda: artifacts, replace=True)

    @hook_impl(trylast=True)  # kedro-mlflow opens the run in this same hook
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Give nodes the id of the MLflow run as `mlflow_run_id`, and log what the run is made from."""
        self._run_started = perf_counter()
        run_id = tracking.active_run_id()
        if run_id is None:  # mlflow.yml switches tracking off for this pipeline
            return
        # An interrupt passes by Kedro's error hook, and MLflow would call the run finished at exit.
        atexit.register(tracking.kill_open_run)
        catalog["mlflow_run_id"] = MemoryDataset(run_id)
        tracking.log_run_parameters(run_id, self._parameters_of(pipeline))
        tracking.log_git_state(run_id, self._root)
        logger.info("%d nodes, MLflow run %s", len(pipeline.nodes), run_id)

    @hook_impl(tryfirst=True)
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> None:
        """Start the node's clock, and keep its parameters from being logged again."""
        # kedro-mlflow would log each node's parameters, 30 ms a value and a validated model as one
        # string. Kedro hands all hooks one copy of the inputs; the node gets the original.
        for name in [name for name in inputs if _is_parameter(name)]:
            del inputs[name]
        self._node_started[node.name] = perf_counter()

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Show that a node is done, and what it took."""
        logger.info("%8.1f s  %s", perf_counter() - self._node_started.pop(node.name), node.name)

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Say which node failed; why, `show_uncaught` says."""
        logger.error("%s failed", node.name)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Show that the run is done, and what it took."""
        logger.info("%8.1f s  in all", perf_counter() - self._run_started)

    def _parameters_of(self, pipeline: Pipeline) -> dict[str, object]:
        """Give the pipeline's parameters by dotted name, as the YAML files and `--params` hold them."""
        assert self._config is not None  # Kedro creates the context before it runs anything
        try:
            parameters = tracking.flatten_parameters(self._config["parameters"])
        except MissingConfigException:
            return {}
        used = [name.removeprefix("params:") for name in pipeline.inputs() if _is_parameter(name)]
        return {
            name: value
            for name, value in parameters.items()
            if "parameters" in used or any(f"{name}.".startswith(f"{prefix}.") for prefix in used)
        }


def show_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error that the user can mend in one line, and any other with its traceback.

    Kedro has no say in how an error is shown; Python's own hook has. With the logger `armlift` at level
    DEBUG the traceback is always shown.

    Args:
        kind: Class of the error.
        error: The error.
        trace: Its traceback.
    """
    expected = isinstance(error, ArmliftError | ParameterValidationError)
    if expected and not logger.isEnabledFor(logging.DEBUG):
        logger.error("%s", error)
    else:
        sys.__excepthook__(kind, error, trace)


def _is_parameter(name: str) -> bool:
    return name == "parameters" or name.startswith("params:")
