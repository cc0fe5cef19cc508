"""Accuracy and speed of the recommenders on MovieLens, beside published values and our own targets.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/recommenders.py --path PATH

PATH is the folder or archive of ml-100k or ml-latest-small, which is told by its files; several may be given.
`--only` chooses rows by group (ratings, ranking, clicks, hybrids, times) or by model.

Folds, random splits and the latest of several ratings of one second are drawn anew with every seed. On a
split that nobody draws, a model that draws nothing is measured once, the others with every seed. Times are of
the processor, one thread: what a quiet core takes.
"""

import argparse
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from recommender_targets import CLICK_TARGETS, RANKING_TARGETS, RATING_TARGETS, TIME_TARGETS

from armlift.datasets import (
    Dataset,
    Split,
    k_fold_splits,
    leave_one_out_split,
    load_dataset,
    random_split,
    temporal_split,
)
from armlift.evaluation.comparison import compare_paired
from armlift.evaluation.cross_validation import repeated_temporal_splits
from armlift.evaluation.protocols import evaluate_clicks, evaluate_ranking, evaluate_ratings
from armlift.recommenders import Recommender, create_recommender

# A file that only this set has.
SOURCES = {"ml-100k": "u.data", "ml-latest-small": "ratings.csv"}


class Model(NamedTuple):
    """A recommender as a row names it.

    Attributes:
        recommender: Its name in armlift.
        params: Its hyper-parameters.
    """

    recommender: str
    params: Mapping[str, Any] = MappingProxyType({})


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        data: Set and protocol.
        model: Name of the model.
        metric: What is measured.
        mean: Over the runs.
        spread: Lowest and highest run, or an interval.
        runs: Runs, or units of a comparison.
        target: Bound that the mean is held against, such as `<= 0.935`; empty for none.
        verdict: Whether the bound is met, or what a comparison says.
        published: Value of the literature, empty where there is none.
    """

    data: str
    model: str
    metric: str
    mean: float
    spread: str
    runs: int
    target: str = ""
    verdict: str = ""
    published: str = ""

    def markdown(self) -> str:
        """The line."""
        cells = self._replace(mean=f"{self.mean:.4f}", runs=str(self.runs))  # type: ignore[arg-type]
        return f"| {' | '.join(cells)} |"  # type: ignore[arg-type]


def measured(
    data: str, model: str, metric: str, values: list[float], target: str = "", published: str = ""
) -> Row:
    """A line of several runs, held against its target."""
    mean = float(np.mean(values))
    spread = f"{min(values):.4f} .. {max(values):.4f}" if len(values) > 1 else ""
    verdict = ""
    if target:
        sign, bound = target.split()
        met = mean <= float(bound) if sign == "<=" else mean >= float(bound)
        verdict = "met" if met else "**missed**"
    return Row(data, model, metric, mean, spread, len(values), target, verdict, published)


HEADER = """| data | model | metric | mean | lowest .. highest | runs | target | verdict | published |
|---|---|---|---|---|---|---|---|---|"""


# SVD and SVD++ with armlift's hyper-parameters and with those of Surprise's own table.
# Surprise's KNNBaseline compares users by MSD, ours users or items by pearson_baseline: one target for both.
SVD = Model("svd")
SVD_OF_SURPRISE = Model(
    "svd", {"n_factors": 100, "n_epochs": 20, "learning_rate": 0.005, "regularization": 0.02}
)
SVDPP_OF_SURPRISE = Model(
    "svdpp", {"n_factors": 20, "n_epochs": 20, "learning_rate": 0.007, "regularization": 0.02}
)
RATING_MODELS: dict[str, dict[str, Model]] = {
    "ml-100k": {
        "SVD": SVD,
        "SVD, Surprise's settings": SVD_OF_SURPRISE,
        "KNNBaseline, users": Model("user_neighbours"),
        "KNNBaseline, items": Model("item_neighbours"),
        "SVD++": Model("svdpp"),
        "SVD++, Surprise's settings": SVDPP_OF_SURPRISE,
    },
    "ml-latest-small": {"SVD": SVD, "KNNBaseline, items": Model("item_neighbours")},
}
RANKING_MODELS = {
    "popularity": Model("popularity"),
    "item neighbours": Model("item_neighbours"),
    "EASE": Model("ease"),
    "implicit ALS": Model("implicit_als"),
    "NeuMF": Model("neumf"),
    "SVD": SVD,
    "Wide & Deep": Model("wide_deep"),
}
# Beside the two that are asked for, what predictors of the rating itself reach.
CLICK_MODELS = {
    "logistic": Model("logistic_regression"),
    "LightGBM": Model("lightgbm"),
    "SVD": SVD,
    "KNNBaseline, items": Model("item_neighbours"),
}
TIMED = {
    "EASE": Model("ease"),
    "implicit ALS": Model("implicit_als", {"n_factors": 64}),
    "NeuMF": Model("neumf", {"n_epochs": 4, "patience": 4}),
}
DETERMINISTIC = {"popularity", "user_neighbours", "item_neighbours", "ease"}

RECENT = {"half_life_days": 365.0}
BOTH: dict[str, dict[str, Any]] = {"popularity": RECENT, "logistic_regression": {}}
SINGLES = {
    "popularity": Model("popularity"),
    "recent popularity": Model("popularity", RECENT),
    "logistic": Model("logistic_regression"),
    "EASE": Model("ease"),
    "implicit ALS": Model("implicit_als"),
}
HYBRIDS = {
    "weighted": Model("weighted", {"parts": BOTH | {"svd": {}}}),
    "switching": Model("switching", {"parts": {"popularity": RECENT, "ease": {}}, "thresholds": [50]}),
    "stacked": Model("stacked", {"parts": BOTH | {"svd": {}, "ease": {}}}),
}


class Bench:
    """The data sets at hand, the seeds, and the models asked for.

    Args:
        data: Data sets by name.
        seeds: Number of seeds.
        only: Groups and models to measure; all if empty.
    """

    def __init__(self, data: dict[str, Dataset], seeds: int, only: list[str]) -> None:
        self.data, self.seeds, self.only = data, seeds, [word.lower() for word in only]

    def wants(self, group: str, model: str) -> bool:
        """Whether a row was asked for."""
        return not self.only or group in self.only or model.lower() in self.only

    def chosen(self, group: str, models: dict[str, Model]) -> Iterator[tuple[str, Model, range]]:
        """Models of a group that were asked for, each with the seeds it takes on a given split."""
        for name, model in models.items():
            if self.wants(group, name):
                yield name, model, range(1 if model.recommender in DETERMINISTIC else self.seeds)


def fit(model: Model, train: pd.DataFrame, items: pd.DataFrame, seed: int) -> Recommender:
    """Fit a model and say on stderr how long it took."""
    started = time.process_time()
    recommender = create_recommender(model.recommender, **model.params).fit(train, items, seed=seed)
    seconds = time.process_time() - started
    print(f"  fitted {model.recommender}, seed {seed}: {seconds:.1f} s", file=sys.stderr)
    return recommender


def rating_accuracy(bench: Bench) -> Iterator[Row]:
    """RMSE and MAE by 5-fold cross-validation, folds drawn with each seed."""
    for source, data in bench.data.items():
        # Folds differ from seed to seed, so no model is deterministic here.
        for name, model, _ in bench.chosen("ratings", RATING_MODELS[source]):
            errors: dict[str, list[float]] = {"rmse": [], "mae": []}
            for seed in range(bench.seeds):
                folds = []
                for split in k_fold_splits(data.ratings, 5, seed=seed):
                    result = evaluate_ratings(fit(model, split.train, data.items, seed), split)
                    folds.append(result.rows(name).set_index("metric")["value"])
                for metric, value in pd.DataFrame(folds).mean().items():
                    errors[str(metric)].append(value)
            bounds = RATING_TARGETS.get((source, name), (None, None, ""))
            for (metric, values), bound in zip(errors.items(), bounds[:2], strict=True):
                target = f"<= {bound:.3f}" if bound else ""
                yield measured(f"{source}, 5-fold", name, metric.upper(), values, target, bounds[2])


def ranking_accuracy(bench: Bench) -> Iterator[Row]:
    """NDCG@10 of each user's latest rating among all items that the user has not rated before."""
    for source, data in bench.data.items():
        splits = [leave_one_out_split(data.ratings, seed=seed) for seed in range(bench.seeds)]
        for name, model, _ in bench.chosen("ranking", RANKING_MODELS):
            values, seconds = [], []
            for seed, split in enumerate(splits):
                started = time.process_time()
                recommender = fit(model, split.train, data.items, seed)
                seconds.append(time.process_time() - started)
                result = evaluate_ranking(recommender, split, data.items, 10, like_threshold=None)
                values.append(float(result.users["ndcg"].mean()))
            bound = RANKING_TARGETS.get(name) if source == "ml-100k" else None
            target = f">= {bound:.3f}" if bound else ""
            published = "0.045" if (source, name) == ("ml-100k", "popularity") else ""
            yield measured(f"{source}, leave latest out", name, "NDCG@10", values, target, published)
            if name == "NeuMF":
                yield measured(f"{source}, leave latest out", name, "seconds to fit", seconds, "<= 60")


def click_accuracy(bench: Bench) -> Iterator[Row]:
    """AUC of telling liked test ratings, 4 points or more, from the others."""
    for source, data in bench.data.items():
        for name, model, seeds in bench.chosen("clicks", CLICK_MODELS):
            for kind in ("random", "temporal"):
                values, errors = [], []
                for seed in range(bench.seeds) if kind == "random" else seeds:
                    split = _click_split(data, kind, seed)
                    result = evaluate_clicks(fit(model, split.train, data.items, seed), split)
                    found = result.rows(name).set_index("metric")["value"]
                    values.append(float(found["auc"]))
                    errors.append(float(found.get("ece", np.nan)))
                bound = CLICK_TARGETS.get((name, kind)) if source == "ml-100k" else None
                where = f"{source}, {kind} split"
                yield measured(where, name, "AUC", values, f">= {bound:.2f}" if bound else "")
                if np.isfinite(errors).all():
                    yield measured(where, name, "calibration error", errors)


def _click_split(data: Dataset, kind: str, seed: int) -> Split:
    return random_split(data.ratings, seed=seed) if kind == "random" else temporal_split(data.ratings)


def hybrids_against_singles(bench: Bench) -> Iterator[Row]:
    """NDCG@10 of liked later items; each hybrid against the single model that is best on the test itself.

    On one temporal split the units are users, and the interval is a paired t interval. Over five windows of
    time they are the windows, and it is corrected for what their train parts share. Verdicts are by Holm over
    the hybrids.
    """
    for source, data in bench.data.items():
        splits = {"temporal split": (temporal_split(data.ratings),)}
        splits["5 windows"] = repeated_temporal_splits(data.ratings)
        for kind, folds in splits.items():
            where, by_model = f"{source}, {kind}", {}
            for name, model, seeds in bench.chosen("hybrids", SINGLES | HYBRIDS):
                runs = [_user_ndcg(model, folds, data.items, seed) for seed in seeds]
                yield measured(where, name, "NDCG@10", [_fold_means(run).mean() for run in runs])
                by_model[name] = pd.concat(runs).groupby(level=["fold", "user_id"]).mean()
            table = pd.DataFrame(by_model)
            single = [name for name in SINGLES if name in table]
            if single and len(table.columns) > len(single):
                best = _fold_means(table)[single].mean().idxmax()
                units = table if len(folds) == 1 else _fold_means(table)
                ratio = np.mean([len(split.test) / len(split.train) for split in folds])
                compared = compare_paired(
                    units[[name for name in table if name in HYBRIDS or name == best]],
                    0.0 if len(folds) == 1 else float(ratio),
                    reference=str(best),
                )
                for line in compared.itertuples():
                    interval = f"{line.low:+.4f} .. {line.high:+.4f}"
                    pair = f"{line.model} - {line.other}"
                    yield Row(
                        where, pair, "difference", line.difference, interval, line.units, "", line.verdict
                    )


def _user_ndcg(model: Model, folds: Sequence[Split], items: pd.DataFrame, seed: int) -> pd.Series:
    """NDCG@10 by fold and user."""
    found = {}
    for fold, split in enumerate(folds, start=1):
        users = evaluate_ranking(fit(model, split.train, items, seed), split, items).users
        found[fold] = users.set_index("user_id")["ndcg"]
    return pd.concat(found, names=["fold", "user_id"])


def _fold_means(by_user: Any) -> Any:
    """Mean over the users of each fold."""
    return by_user.groupby(level="fold").mean()


def times(bench: Bench) -> Iterator[Row]:
    """Seconds of a fit on the whole set, and of the top 10 of all its users."""
    for source, data in bench.data.items():
        users = np.unique(data.ratings["user_id"])
        for name, model, _ in bench.chosen("times", TIMED):
            fits, slates = [], []
            for seed in range(bench.seeds):
                started = time.process_time()
                recommender = fit(model, data.ratings, data.items, seed)
                fitted = time.process_time()
                recommender.recommend(users, 10, data.ratings)
                passes = model.params["n_epochs"] if name == "NeuMF" else 1
                fits.append((fitted - started) / passes)
                slates.append(time.process_time() - fitted)
            what = "seconds an epoch" if name == "NeuMF" else "seconds to fit"
            bound = TIME_TARGETS.get((source, name))
            yield measured(source, name, what, fits, f"<= {bound:g}" if bound else "")
            yield measured(source, name, "seconds for all top 10", slates, "" if name == "NeuMF" else "<= 2")


MEASURES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "ratings": rating_accuracy,
    "ranking": ranking_accuracy,
    "clicks": click_accuracy,
    "hybrids": hybrids_against_singles,
    "times": times,
}


def source_of(path: Path) -> str:
    """Name of the set in a folder or archive, by the files in it.

    Raises:
        SystemExit: It holds neither set.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            found = {Path(name).name for name in archive.namelist()}
    else:
        found = {file.name for pattern in ("*", "*/*") for file in path.glob(pattern)}
    for source, file in SOURCES.items():
        if file in found:
            return source
    raise SystemExit(
        f"{path} holds none of {', '.join(SOURCES.values())}: name the folder or archive of a set."
    )


def main() -> None:
    """Parse the command line and print the table as Markdown, row by row."""
    parser = argparse.ArgumentParser(description="Accuracy and speed of the recommenders on MovieLens.")
    parser.add_argument(
        "--path", type=Path, nargs="+", required=True, help="folders or archives: ml-100k, ml-latest-small"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="groups or models")
    options = parser.parse_args()
    sources = {source_of(path): path for path in options.path}
    data = {source: load_dataset(source, path, "drop") for source, path in sources.items()}
    print(HEADER, flush=True)
    bench = Bench(data, options.seeds, options.only)
    for measure in MEASURES.values():
        for row in measure(bench):
            print(row.markdown(), flush=True)


if __name__ == "__main__":
    main()
