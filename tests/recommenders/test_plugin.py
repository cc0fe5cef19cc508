"""A recommender from a package outside armlift goes wherever armlift's own go."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from kedro_datasets.pandas import ParquetDataset

from armlift.datasets import Dataset, generate_sample, temporal_split
from armlift.evaluation.cross_validation import cross_validate
from armlift.pipelines.parameters import TrainingParameters, WorldParameters
from armlift.pipelines.training import create_pipeline
from armlift.pipelines.training.recommenders_dataset import RecommendersDataset
from armlift.recommenders import available_recommenders, create_recommender, load_recommender

TOY_PACKAGE = Path(__file__).with_name("toy_package")


@pytest.fixture
def toy_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the toy package as an installer leaves it: modules, and metadata with the entry points."""
    project = tomllib.loads((TOY_PACKAGE / "pyproject.toml").read_text())["project"]
    site = tmp_path / "site"
    metadata = site / "toy_package-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-package\nVersion: 1.0\n")
    entries = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in targets.items())
        for group, targets in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(entries))
    shutil.copy(TOY_PACKAGE / "newest_first.py", site)
    monkeypatch.syspath_prepend(site)


@pytest.fixture(scope="module")
def sample() -> Any:
    return generate_sample(seed=1, n_users=40, n_items=120, n_ratings=1500)


def test_without_the_package_it_is_not_there() -> None:
    assert "newest_first" not in available_recommenders()


@pytest.mark.usefixtures("toy_package")
def test_the_training_pipeline_fits_saves_and_asks_it(sample: Dataset, tmp_path: Path) -> None:
    training = TrainingParameters(
        recommenders={
            "popularity": {},
            "newest_first": {"unknown_year": 1950},
            "switching": {"parts": {"newest_first": {}, "popularity": {}}, "thresholds": [1]},
        },
        slate_size=5,
    )
    catalog = DataCatalog(
        {
            "ratings": MemoryDataset(sample.ratings),
            "items": MemoryDataset(sample.items),
            "params:world": MemoryDataset(WorldParameters(means=[0.1, 0.2])),
            "params:training": MemoryDataset(training),
            "history": ParquetDataset(filepath=str(tmp_path / "history.parquet")),
            "slates": ParquetDataset(filepath=str(tmp_path / "slates.parquet")),
            "recommenders": RecommendersDataset(filepath=str(tmp_path / "recommenders")),
        }
    )
    pipeline = create_pipeline().only_nodes("split_by_user", "train_recommenders", "serve_slates")
    SequentialRunner().run(pipeline, catalog)

    assert list(catalog.load("recommenders")) == ["popularity", "newest_first", "switching"]
    slates, history = catalog.load("slates"), catalog.load("history")
    shown = slates[slates["arm"] == "newest_first"].merge(sample.items, on="item_id")
    assert shown.groupby("user_id").size().eq(5).all()
    for user, slate in shown.groupby("user_id"):
        seen = history.loc[history["user_id"] == user, "item_id"]
        unseen = sample.items[~sample.items["item_id"].isin(seen)]
        newest = unseen["year"].fillna(1950).sort_values(ascending=False)[:5]
        assert slate["score"].tolist() == newest.tolist()


@pytest.mark.usefixtures("toy_package")
def test_it_is_evaluated_beside_the_others(sample: Dataset) -> None:
    models = {name: create_recommender(name) for name in ("newest_first", "popularity")}
    splits = [temporal_split(sample.ratings)]
    metrics = cross_validate(models, splits, sample.items, name="temporal").rows()
    ndcg = metrics[metrics["metric"] == "ndcg@10"]
    assert ndcg["model"].tolist() == ["newest_first", "popularity"]
    assert ndcg["value"].between(0, 1).all()


@pytest.mark.usefixtures("toy_package")
def test_it_is_saved_and_loaded_by_name(sample: Dataset, tmp_path: Path) -> None:
    create_recommender("newest_first").fit(sample.ratings, sample.items, seed=0).save(tmp_path / "saved")
    assert type(load_recommender(tmp_path / "saved")).__module__ == "newest_first"
