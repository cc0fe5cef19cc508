"""The model registry: which recommenders there are, and which of them does what.

All recommenders are versions of one registered model, `recommender`: an alias is unique within a registered
model, so there is one champion, whatever its kind. `models:/recommender@champion` is a recommender,
`models:/router@router` the router. A version's tags say which recommender it is (`armlift.model`), from
which data (`armlift.data_hash`), and, once promoted, by which evaluation (`armlift.evaluation_run`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from armlift.errors import ParameterError, TrackingError
from armlift.tracking.client import tracking_client
from armlift.tracking.evaluations import DATA_TAG, MODEL_TAG
from armlift.tracking.store import ensure_store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.pyfunc import PyFuncModel

RECOMMENDERS = "recommender"
"""Registered model of all recommenders."""

ALIASES = ("champion", "challenger", "PolicyA", "PolicyB")
"""What a recommender can be: in production, in waiting, arm A or arm B of the router."""

EVALUATION_TAG = "armlift.evaluation_run"


@dataclass(frozen=True)
class RecommenderVersion:
    """A recommender in the registry.

    Attributes:
        number: Version of the registered model `recommender`, from 1.
        recommender: Its name, such as `svd`.
        data_hash: Content hash of the data snapshot it was trained from.
        run_id: MLflow run that trained it.
    """

    number: int
    recommender: str
    data_hash: str
    run_id: str

    @property
    def uri(self) -> str:
        """Address for MLflow."""
        return f"models:/{RECOMMENDERS}/{self.number}"

    def __str__(self) -> str:
        return f"{self.recommender} (version {self.number})"


def use_store(root: Path) -> str:
    """Make the project's MLflow store the process's own. For commands: in a pipeline Kedro does it.

    Args:
        root: Root of the project.

    Returns:
        URI of the store.

    Raises:
        TrackingError: The store cannot be used.
    """
    import mlflow

    uri = ensure_store(root)
    mlflow.set_tracking_uri(uri)
    return uri


def aliased_versions() -> dict[str, RecommenderVersion]:
    """Give the recommenders that have an alias, in the order of `ALIASES`.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        numbers = registered_aliases(client)
        return {
            alias: _read(client.get_model_version(RECOMMENDERS, str(numbers[alias])))
            for alias in ALIASES
            if alias in numbers
        }


def newest_versions() -> dict[str, RecommenderVersion]:
    """Give the newest version of every recommender, by name.

    Raises:
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        found = client.search_model_versions(f"name = '{RECOMMENDERS}'", order_by=["version_number ASC"])
    return {version.recommender: version for version in map(_read, found)}


def find_version(reference: str, *, trained_from: str | None = None) -> RecommenderVersion:
    """Find a recommender in the registry.

    Args:
        reference: An alias, a version number, or the name of a recommender for its newest version.
        trained_from: Content hash of a data snapshot: a name stands for the newest version trained from it,
            if there is one.

    Raises:
        ParameterError: There is no such recommender.
        TrackingError: The store cannot be used.
    """
    with tracking_client() as client:
        number = registered_aliases(client).get(reference, reference if reference.isdecimal() else None)
        wanted = f"version_number = {number}" if number else f"tags.`{MODEL_TAG}` = '{_quotable(reference)}'"
        preferred = [f"{wanted} and tags.`{DATA_TAG}` = '{trained_from}'"] if trained_from else []
        for condition in (*preferred, wanted):
            found = client.search_model_versions(
                f"name = '{RECOMMENDERS}' and {condition}", max_results=1, order_by=["version_number DESC"]
            )
            if found:
                return _read(found[0])
        known = {
            each.tags.get(MODEL_TAG, "") for each in client.search_model_versions(f"name='{RECOMMENDERS}'")
        }
    raise ParameterError(
        "model",
        reference,
        f"an alias, a version or one of {', '.join(sorted(known)) or 'none so far'}",
        "Choose one of these, or train it: kedro run --pipelines=train.",
    )


def hyper_parameters(version: RecommenderVersion) -> dict[str, Any]:
    """Read the hyper-parameters of a registered recommender, defaults included, from the model itself.

    Raises:
        TrackingError: The store cannot be used, or the model's files are gone.
    """
    from mlflow.artifacts import load_dict

    with tracking_client():
        described = load_dict(f"{version.uri}/artifacts/{version.recommender}/recommender.json")
    return dict(described["params"])


def load_policy(reference: str) -> PyFuncModel:
    """Load a recommender as MLflow model.

    Args:
        reference: As for `find_version`.

    Raises:
        ParameterError: There is no such recommender.
        TrackingError: It cannot be read.
    """
    return load_model(find_version(reference).uri)


def load_model(uri: str) -> PyFuncModel:
    """Load an MLflow model.

    Args:
        uri: Its address, such as `models:/router@router`.

    Raises:
        TrackingError: There is no such model, or it cannot be read.
    """
    import mlflow.pyfunc
    from mlflow.exceptions import MlflowException

    with tracking_client():
        try:
            model: PyFuncModel = mlflow.pyfunc.load_model(uri, suppress_warnings=True)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise TrackingError(
                f"{uri} is not registered. Train first: kedro run --pipelines=train."
            ) from error
    return model


def registered_aliases(client: MlflowClient) -> dict[str, int]:
    """Give the version that each alias points to; none before the first training.

    Args:
        client: From `tracking_client`.
    """
    found = client.search_registered_models(f"name = '{RECOMMENDERS}'")
    return {alias: int(version) for alias, version in found[0].aliases.items()} if found else {}


def _read(found: Any) -> RecommenderVersion:
    tags = found.tags
    if MODEL_TAG not in tags or DATA_TAG not in tags:
        raise TrackingError(
            f"{RECOMMENDERS} version {found.version} has no tags {MODEL_TAG} and {DATA_TAG}: armlift did not "
            "register it. Delete the version, or give it the tags."
        )
    return RecommenderVersion(int(found.version), tags[MODEL_TAG], tags[DATA_TAG], found.run_id)


def _quotable(text: str) -> str:
    # MLflow's filters have no escape for a quote, and no recommender has one in its name.
    return text.replace("'", "")
