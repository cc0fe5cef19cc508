"""Target encodings: the numbers, and the leak that out-of-fold encoding closes."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from armlift.recommenders.encoding import assign_folds, encode_out_of_fold, shrunken_mean

STRENGTH = 10.0


def test_shrunken_means_lie_between_prior_and_mean() -> None:
    assert shrunken_mean([0, 3, 3000], [0, 3, 3000], 0.2, 3.0).tolist() == pytest.approx([0.2, 0.6, 0.9992])


@given(n_rows=st.integers(0, 50), n_folds=st.integers(2, 7), seed=st.integers(0, 9))
def test_folds_are_of_equal_size_and_dealt_at_random(n_rows: int, n_folds: int, seed: int) -> None:
    folds = assign_folds(n_rows, n_folds, np.random.default_rng(seed))
    sizes = np.bincount(folds, minlength=n_folds)
    assert len(sizes) == n_folds
    assert sizes.sum() == n_rows
    assert sizes.max() - sizes.min() <= 1


def group_rates(
    groups: np.ndarray, labels: np.ndarray, asked: np.ndarray, own: np.ndarray | None = None
) -> np.ndarray:
    """Shrunken like rates of the asked groups; `own` labels are left out of them, as leave-one-out does."""
    size = int(max(groups.max(initial=0), asked.max(initial=0))) + 1
    total = np.bincount(groups, labels, size)[asked]
    count = np.bincount(groups, minlength=size)[asked].astype(float)
    if own is not None:
        total, count = total - own, count - 1
    return shrunken_mean(total, count, labels.mean() if len(labels) else 0.5, STRENGTH)


@given(
    groups=arrays(np.int64, 30, elements=st.integers(0, 4)),
    labels=arrays(np.int64, 30, elements=st.integers(0, 1)),
    row=st.integers(0, 29),
    seed=st.integers(0, 99),
)
def test_a_label_never_reaches_its_own_fold(
    groups: np.ndarray, labels: np.ndarray, row: int, seed: int
) -> None:
    folds = assign_folds(30, 5, np.random.default_rng(seed))

    def encoding(labels: np.ndarray) -> np.ndarray:
        return encode_out_of_fold(
            folds, 5, lambda others, own: group_rates(groups[others], labels[others], groups[own])[:, None]
        )[:, 0]

    flipped = labels.copy()
    flipped[row] = 1 - flipped[row]
    before, after = encoding(labels), encoding(flipped)
    own_fold = folds == folds[row]
    np.testing.assert_array_equal(before[own_fold], after[own_fold])
    # It does reach the others: the encoding is not just constant.
    assert (before[~own_fold] != after[~own_fold]).all()


def later_auc(history: pd.DataFrame, later: pd.DataFrame, scheme: str) -> float:
    """AUC on later ratings of trees that see the user's and the item's like rate, encoded by a scheme."""
    import lightgbm
    from sklearn.metrics import roc_auc_score

    labels = (history["rating"] >= 4).to_numpy(np.float64)
    trained, asked = [], []
    for column in ("user_id", "item_id"):
        codes, _ = pd.factorize(pd.concat([history[column], later[column]]))
        groups, asked_groups = codes[: len(history)], codes[len(history) :]
        if scheme == "leave-one-out":
            encoded = group_rates(groups, labels, groups, own=labels)
        else:
            encoded = encode_out_of_fold(
                assign_folds(len(labels), 5, np.random.default_rng(0)),
                5,
                lambda others, own, groups=groups: group_rates(groups[others], labels[others], groups[own])[
                    :, None
                ],
            )[:, 0]
        trained.append(encoded)
        asked.append(group_rates(groups, labels, asked_groups))
    model = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 0, "deterministic": True},
        lightgbm.Dataset(np.stack(trained, axis=1), labels),
        num_boost_round=60,
    )
    return float(roc_auc_score(later["rating"] >= 4, model.predict(np.stack(asked, axis=1))))


@pytest.mark.parametrize("data", ["invented", "real"])
def test_leave_one_out_encoding_leaks_the_label(data: str, request: pytest.FixtureRequest) -> None:
    split: Any = request.getfixturevalue(data)
    out_of_fold = later_auc(split.history, split.later, "out-of-fold")
    leave_one_out = later_auc(split.history, split.later, "leave-one-out")
    assert out_of_fold > leave_one_out + 0.03, (
        f"AUC on later ratings: out of fold {out_of_fold:.3f}, leave one out {leave_one_out:.3f}"
    )
