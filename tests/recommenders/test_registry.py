from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from armlift.errors import DataFileError, ParameterError
from armlift.recommenders import available_recommenders, create_recommender, load_recommender
from armlift.recommenders.popularity import Popularity

PLUG_IN = """
    import numpy as np

    from armlift.recommenders import Recommender


    class HighestId(Recommender):
        def __init__(self, *, factor: int = 1) -> None:
            self.factor = factor

        def _fit(self, history, items, seed):
            pass

        def _score(self, users, seen):
            return np.broadcast_to(self.factor * self.item_ids_.astype(float), seen.shape)


    def no_class():
        pass
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install a distribution with one module and the given entry points."""

    def install(entries: str) -> None:
        site = tmp_path / "site"
        metadata = site / "toy_plugin-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[armlift.recommenders]\n{entries}\n")
        (site / "toy_plugin.py").write_text(dedent(PLUG_IN))
        monkeypatch.syspath_prepend(site)

    return install


def test_the_recommenders_of_armlift_are_there() -> None:
    assert {"lightgbm", "logistic_regression", "popularity", "random", "svd"} <= set(available_recommenders())


def test_hyper_parameters_reach_the_recommender() -> None:
    recommender = create_recommender("popularity", half_life_days=30)
    assert isinstance(recommender, Popularity)
    assert recommender.params == {"half_life_days": 30.0}


def test_an_installed_plug_in_works_like_the_others(install: Any, invented: Any, tmp_path: Path) -> None:
    install("highest_id = toy_plugin:HighestId")
    assert "highest_id" in available_recommenders()
    recommender = create_recommender("highest_id", factor=-1).fit(invented.history, invented.items, seed=0)
    recommender.save(tmp_path / "saved")
    slate = load_recommender(tmp_path / "saved").recommend([10**6], 3, invented.history)
    assert slate["item_id"].tolist() == [1, 2, 3]


def test_unknown_names_list_what_there_is() -> None:
    with pytest.raises(ParameterError, match=r"recommender = 'svm': must satisfy one of .*popularity.*svd"):
        create_recommender("svm")


def test_unknown_hyper_parameters_list_what_there_is() -> None:
    with pytest.raises(ParameterError, match=r"svd\.factors = 3: .* n_factors, n_epochs"):
        create_recommender("svd", factors=3)
    with pytest.raises(ParameterError, match="none"):
        create_recommender("random", seed=3)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("toy = toy_plugin:no_class", "a subclass of armlift.recommenders.Recommender"),
        ("toy = toy_plugin:Missing", "an importable class"),
        ("toy = toy_plugin_missing:Missing", "an importable class"),
        ("toy = builtins:dict", "a subclass of armlift.recommenders.Recommender"),
    ],
)
def test_entry_points_that_lead_to_no_recommender(install: Any, entry: str, message: str) -> None:
    install(entry)
    with pytest.raises(ParameterError, match=message):
        create_recommender("toy")


def test_two_packages_cannot_share_a_name(install: Any) -> None:
    install("svd = toy_plugin:HighestId")
    with pytest.raises(ParameterError, match=r"toy_plugin:HighestId.* one recommender for a name"):
        create_recommender("svd")


def test_what_is_not_installed_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "recommender.json").write_text('{"recommender": "os:system", "params": {}}')
    with pytest.raises(DataFileError, match="os:system, which is not installed"):
        load_recommender(tmp_path)
