import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import do_without
from patience import until

from armlift.errors import ParameterError
from armlift.recommenders.neumf import NeuMF
from armlift.recommenders.popularity import Popularity
from armlift.recommenders.wide_deep import WideAndDeep

SMALL = {"n_factors": 4, "hidden": [8, 4], "n_epochs": 4, "batch_size": 200}


@pytest.fixture(autouse=True)
def torch() -> Any:
    if find_spec("torch") is None:
        do_without('PyTorch is not installed: pip install "armlift[neural]"')
    import torch

    return torch


@pytest.fixture(scope="module")
def fitted(invented: Any) -> NeuMF:
    return NeuMF(**SMALL).fit(invented.history, invented.items, seed=3)


def test_logits_by_hand(torch: Any) -> None:
    weights = {
        "user_gmf_embedding": [[1.0, 2.0], [0.0, 0.0]],
        "item_gmf_embedding": [[1.0, 1.0], [3.0, -1.0]],
        "gmf_output": [1.0, 0.5],
        "user_mlp_embedding": [[1.0], [0.0]],
        "item_mlp_embedding": [[2.0], [-2.0]],
        "user_layer": [[1.0, -1.0]],
        "item_layer": [[1.0, 1.0]],
        "offset_0": [0.5, 0.0],
        "layer_1": [[1.0], [2.0]],
        "offset_1": [-1.0],
        "output": [2.0],
        "item_bias": [0.25, -0.25],
        "bias": [10.0],
    }
    logits = NeuMF(n_factors=2, hidden=[2, 1])._logits(
        {name: torch.tensor(weight) for name, weight in weights.items()},
        {"users": torch.tensor([0, 1]), "items": torch.tensor([[0, 1], [1, 0]])},
    )
    # Known user, item 0: GMF 1 + 2/2; layer 0 (1+2+.5, -1+2), layer 1: 3.5 + 2 - 1, times 2; biases.
    assert logits[0, 0].item() == 2 + 9 + 10.25
    # Item 1: GMF 3 - 2/2; layer 0 (1-2+.5, -1-2), all below 0.
    assert logits[0, 1].item() == 2 + 0 + 9.75
    # The user of zeros: layer 0 (-1.5, -2) for item 1, and (2.5, 2) for item 0.
    assert logits[1].tolist() == [9.75, 2 * 5.5 + 10.25]


def test_it_learns_who_likes_what() -> None:
    """Two crowds with a catalogue each; everyone misses one item of their own."""
    pairs = [
        (user, 100 * crowd + item)
        for user in range(40)
        for crowd in [user % 2]
        for item in range(10)
        if item != user // 2 % 10
    ]
    history = pd.DataFrame(pairs, columns=["user_id", "item_id"]).assign(rating=4.0)
    history = history.sample(frac=1, random_state=0, ignore_index=True)
    history["timestamp"] = pd.date_range("2020-01-01", periods=len(history), freq="h", tz="UTC")
    items = pd.DataFrame({"item_id": np.unique(history["item_id"]), "year": 2000, "genres": ""})
    model = NeuMF(n_factors=8, hidden=[16, 8], batch_size=30, n_epochs=20).fit(history, items, seed=0)
    slates = model.recommend(range(40), 1, history)
    missed = (slates["user_id"] % 2 * 100 + slates["user_id"] // 2 % 10) == slates["item_id"]
    assert missed.mean() > 0.9


def test_new_users_are_one_user(fitted: NeuMF) -> None:
    scores = fitted.score([-1, 10**9])
    np.testing.assert_array_equal(scores[0], scores[1])
    popular = np.corrcoef(scores[0], np.log1p(fitted.popularity_))[0, 1]
    assert popular > 0.5


def test_items_without_ratings_are_one_item_below_the_popular(invented: Any) -> None:
    more = pd.DataFrame({"item_id": range(9000, 9030), "title": "new", "year": pd.NA, "genres": ""})
    items = pd.concat([invented.items, more.astype({"year": "Int64"})], ignore_index=True)
    model = NeuMF(**SMALL).fit(invented.history, items, seed=0)
    scores = model.score([1, 2, 10**9])
    unrated = model.popularity_ == 0
    assert unrated.sum() >= 30
    assert (scores[:, unrated] == scores[:, unrated][:, :1]).all()
    popular = model.popularity_ >= np.quantile(model.popularity_, 0.95)
    assert (scores[:, popular].mean(axis=1) > scores[:, unrated][:, 0]).all()


def test_scores_depend_neither_on_company_nor_on_row_order(fitted: NeuMF, invented: Any) -> None:
    users = invented.history["user_id"].unique()
    shuffled = invented.history.sample(frac=1, random_state=1)
    again = NeuMF(**SMALL).fit(shuffled, invented.items, seed=3)
    together = fitted.score(users)
    np.testing.assert_array_equal(again.score(users), together)
    np.testing.assert_array_equal(fitted.score(users[7:8])[0], together[7])
    other = NeuMF(**SMALL).fit(invented.history, invented.items, seed=4)
    assert not np.array_equal(other.score(users), together)


def test_saved_and_loaded_it_scores_the_same(fitted: NeuMF, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = NeuMF.load(tmp_path)
    assert loaded.params == fitted.params
    assert 1 <= loaded.n_epochs_ <= 4
    assert 0 <= loaded.validation_ndcg_ <= 1
    np.testing.assert_array_equal(loaded.score([1, 2, -1]), fitted.score([1, 2, -1]))


def test_users_with_one_rating_leave_nothing_to_validate_on(tiny: Any) -> None:
    history = tiny.history.drop_duplicates("user_id")
    model = NeuMF(**SMALL).fit(history, tiny.items, seed=0)
    assert np.isnan(model.validation_ndcg_)
    assert model.n_epochs_ == 4
    assert np.isfinite(model.score([1, 9])).all()


@pytest.mark.parametrize("kind", [NeuMF, pytest.param(WideAndDeep, marks=pytest.mark.slow)])
def test_a_killed_fit_goes_on_to_the_same_weights(
    kind: type[NeuMF] | type[WideAndDeep], invented: Any, tmp_path: Path
) -> None:
    invented.history.to_parquet(tmp_path / "history.parquet")
    invented.items.to_parquet(tmp_path / "items.parquet")
    params = SMALL | {"batch_size": 40, "n_epochs": 5, "patience": 5}
    folder = tmp_path / "checkpoints"
    code = f"""
        import time
        import pandas as pd
        from armlift.recommenders import torch_training
        from {kind.__module__} import {kind.__name__}
        write = torch_training._write
        torch_training._write = lambda file, state: write(file, state) or time.sleep(600)
        history, items = (pd.read_parquet(f"{tmp_path}/{{name}}.parquet") for name in ("history", "items"))
        {kind.__name__}(**{params}, checkpoint={str(folder)!r}).fit(history, items, seed=5)
    """
    process = subprocess.Popen([sys.executable, "-c", dedent(code)])
    assert until(lambda: bool(list(folder.glob("*.npz"))) or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    (file,) = folder.glob("*.npz")
    with np.load(file) as state:
        assert state["progress"][0] == 1

    resumed = kind(**params, checkpoint=str(folder)).fit(invented.history, invented.items, seed=5)
    whole = kind(**params).fit(invented.history, invented.items, seed=5)
    assert resumed.n_epochs_ == whole.n_epochs_
    assert resumed.weights_.keys() == whole.weights_.keys()
    for name, array in whole.weights_.items():
        np.testing.assert_array_equal(resumed.weights_[name], array)


def test_checkpoints_are_for_one_seed_and_one_history(invented: Any, tmp_path: Path) -> None:
    for seed, rows in ((0, 500), (1, 500), (0, 501), (0, 500)):
        model = NeuMF(**SMALL | {"n_epochs": 1}, checkpoint=str(tmp_path))
        model.fit(invented.history.head(rows), invented.items, seed=seed)
    assert len(list(tmp_path.glob("NeuMF-*.npz"))) == 3


@pytest.mark.parametrize(
    "params",
    [
        {"n_factors": 0},
        {"hidden": [0]},
        {"hidden": []},
        {"n_negatives": 0},
        {"n_epochs": 0},
        {"patience": 0},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"weight_decay": -1},
        {"unknown_share": 1.5},
        {"device": "tpu"},
    ],
)
def test_hyper_parameters_have_bounds(params: dict[str, Any]) -> None:
    for kind in (NeuMF, WideAndDeep):
        with pytest.raises(ParameterError, match=next(iter(params))):
            kind(**params)


@pytest.mark.slow
def test_on_real_ratings_it_ranks_better_than_popularity(real: Any, hit_rate: Any) -> None:
    users = real.later["user_id"].unique()
    rate = {
        type(model).__name__: hit_rate(
            model.fit(real.history, real.items, seed=0).recommend(users, 10, real.history), real
        )
        for model in (NeuMF(n_epochs=12), Popularity())
    }
    assert rate["NeuMF"] > rate["Popularity"] + 0.02, rate
