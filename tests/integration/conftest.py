"""The project's conf in a folder of its own, and the main job run there once, in the tests' tiny world."""

import contextlib
import subprocess
import sys
import warnings
from pathlib import Path
from shutil import copy, copytree

import mlflow
import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from armlift.datasets.sample import generate_sample

PROJECT = Path(__file__).parents[2]


class Project:
    """A copy of the project's conf, whose runs read and write only in its own folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        copytree(PROJECT / "conf", root / "conf")
        copy(PROJECT / "pyproject.toml", root)
        (root / "src").mkdir()
        (root / ".gitignore").write_text("*\n!pyproject.toml\n")
        self.ratings_files = root / "ml-latest-small"
        write_movielens(self.ratings_files)
        self.git("init", "--quiet")
        self.git("add", "pyproject.toml")
        self.git(
            "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "-m", "Start"
        )

    def git(self, *arguments: str) -> str:
        answer = subprocess.run(
            ["git", *arguments], cwd=self.root, check=True, capture_output=True, text=True
        )
        return answer.stdout.strip()

    def run(self, pipeline: str = "simulate", to: tuple[str, ...] = (), env: str = "test", **parameters):
        """Run a pipeline, up to some nodes, in a session of its own; on the tiny files unless told."""
        data = {"source": "ml-latest-small", "path": str(self.ratings_files)} | parameters.pop("data", {})
        with contextlib.chdir(self.root), warnings.catch_warnings():
            # MLflow hooks into imports the old way; of that, Python itself shows no warning either.
            warnings.simplefilter("ignore", ImportWarning)
            warnings.filterwarnings("ignore", "the load_module", DeprecationWarning)
            bootstrap_project(self.root)
            parameters = {"data": data, **parameters}
            with KedroSession.create(self.root, env=env, runtime_params=parameters) as session:
                return session.run(pipeline_names=[pipeline], to_nodes=list(to))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Every Parquet table of the catalog that the runs left, by name; the slates' versions are none."""
        data = self.root / "data"
        files = [file for file in data.rglob("*.parquet") if not file.is_relative_to(data / "live")]
        return {file.stem: pd.read_parquet(file) for file in files}

    def runs(self) -> list[mlflow.entities.Run]:
        """All MLflow runs, the newest first."""
        experiment = mlflow.get_experiment_by_name("armlift")
        return mlflow.MlflowClient().search_runs([experiment.experiment_id])


def write_movielens(folder: Path) -> None:
    """Write a small generated set in the layout of ml-latest-small."""
    sample = generate_sample(seed=3, n_users=80, n_items=200, n_ratings=3200)
    folder.mkdir()
    movies = sample.items.rename(columns={"item_id": "movieId"})[["movieId", "title", "genres"]]
    movies.to_csv(folder / "movies.csv", index=False)
    seconds = sample.ratings["timestamp"].astype("int64") // 10**6
    ratings = sample.ratings.assign(timestamp=seconds).rename(
        columns={"user_id": "userId", "item_id": "movieId"}
    )
    ratings.to_csv(folder / "ratings.csv", index=False)


@pytest.fixture(scope="session")
def project(tmp_path_factory, template):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("DO_NOT_TRACK", "true")
        patch.setenv("PYTHONPATH", "")
        patch.setattr(sys, "excepthook", sys.excepthook)
        patch.setattr(sys, "path", list(sys.path))
        root = tmp_path_factory.mktemp("project") / "armlift"
        root.mkdir()
        copy(template, root / "mlflow.db")
        yield Project(root)
        mlflow.set_tracking_uri(None)


@pytest.fixture(scope="session")
def main_job(project):
    """What one whole `kedro run --pipelines=simulate` left: its tables, and its MLflow parent run."""
    project.run(simulation={"workers": 1})
    parents = [run for run in project.runs() if "mlflow.parentRunId" not in run.data.tags]
    return project.tables(), parents[0]
