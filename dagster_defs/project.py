"""The Kedro project as Dagster sees it: which node belongs where, what it writes, and how it is run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import chdir
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kedro.io import AbstractDataset
    from kedro.pipeline import Pipeline
    from kedro.pipeline.node import Node

ROOT = Path(__file__).resolve().parents[1]

POOL = "kedro"
"""Runs in this pool take all cores; `dagster.yaml` lets one at a time through."""


@dataclass(frozen=True)
class KedroProject:
    """A Kedro project: its registered pipelines, its catalog, and runs of its nodes.

    Attributes:
        root: Folder with `pyproject.toml` and `conf`.
        env: Environment of the configuration beside `base`; None for Kedro's default.
    """

    root: Path = ROOT
    env: str | None = None

    @cached_property
    def pipelines(self) -> Mapping[str, Pipeline]:
        """The registered pipelines by name, but for the default, which is one of them."""
        import armlift.settings  # noqa: F401 - it silences what Kedro warns of while nodes are made
        from armlift.pipeline_registry import register_pipelines

        return {name: each for name, each in register_pipelines().items() if name != "__default__"}

    @cached_property
    def folders(self) -> Mapping[str, Pipeline]:
        """Every node of every registered pipeline, once, by the folder that it comes from."""
        from kedro.pipeline import Pipeline

        nodes = {node.name: node for pipeline in self.pipelines.values() for node in pipeline.nodes}
        found: dict[str, list[Node]] = defaultdict(list)
        for node in nodes.values():
            found[folder_of(node)].append(node)
        return {folder: Pipeline(members) for folder, members in found.items()}

    @cached_property
    def catalog_entries(self) -> Mapping[str, Mapping[str, Any]]:
        """What the catalog's files say about each data set; nothing is opened."""
        from kedro.config import OmegaConfigLoader

        from armlift.settings import CONFIG_LOADER_ARGS

        settings: dict[str, Any] = dict(CONFIG_LOADER_ARGS)
        loader = OmegaConfigLoader(str(self.root / "conf"), env=self.env, **settings)
        entries: dict[str, Mapping[str, Any]] = loader["catalog"]
        return {name: entry for name, entry in entries.items() if not name.startswith("_")}

    def dataset(self, name: str) -> AbstractDataset[Any, Any]:
        """Give a data set of the catalog.

        Raises:
            KeyError: The catalog does not have it.
        """
        from kedro.io import AbstractDataset

        return AbstractDataset.from_config(name, _from_root(self.catalog_entries[name], self.root))

    def path(self, name: str) -> Path | None:
        """Where a data set lies; None for one without a place on this machine."""
        entry = self.catalog_entries[name]
        place = entry.get("filepath", entry.get("path"))
        return None if place is None or "://" in str(place) else self.root / str(place)

    def run(self, nodes: Collection[str], parameters: Mapping[str, Any], session_id: str) -> None:
        """Run nodes in a Kedro session of their own, with its hooks, and so with an MLflow run.

        Args:
            nodes: Names of nodes.
            parameters: Runtime parameters, as `kedro run --params` takes them.
            session_id: Id of the session, by which `tracking.session_runs` finds the MLflow run.
        """
        from kedro.framework.session import KedroServiceSession
        from kedro.framework.startup import bootstrap_project

        # Relative paths in parameters start at the root, as they do for `kedro run`.
        with chdir(self.root):
            bootstrap_project(self.root)
            with KedroServiceSession.create(session_id, self.root, self.env) as session:
                session.run(  # type: ignore[call-arg]  # Kedro hints at its abstract session
                    pipeline_names=self.pipelines_with(nodes),
                    node_names=sorted(nodes),
                    runtime_params=dict(parameters),
                )

    def pipelines_with(self, nodes: Collection[str]) -> list[str]:
        """Choose registered pipelines, few and small ones, that have these nodes between them.

        Args:
            nodes: Names of nodes.
        """
        members = {name: {node.name for node in each.nodes} for name, each in self.pipelines.items()}
        left, chosen = set(nodes), []
        while left:
            best = max(members, key=lambda name: (len(members[name] & left), -len(members[name])))
            chosen.append(best)
            left -= members[best]
        return chosen


def folder_of(node: Node) -> str:
    """The pipeline folder that a node comes from, such as `training`.

    Example:
        >>> from armlift.pipelines.data import create_pipeline
        >>> {folder_of(node) for node in create_pipeline().nodes}
        {'data'}
    """
    parts = node.func.__module__.split(".")
    return parts[parts.index("pipelines") + 1]


def _from_root(entry: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """A catalog entry with its place made absolute, as Kedro's context does it."""
    places = {
        key: str(root / str(entry[key]))
        for key in ("filepath", "path")
        if key in entry and "://" not in str(entry[key])
    }
    return {**entry, **places}
