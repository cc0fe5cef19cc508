"""A tuning in a process of its own, which a test can kill: `python interrupted.py FILE WORKERS [TRIALS]`."""

import sys
from pathlib import Path

from armlift.datasets.sample import generate_sample
from armlift.tuning import Criterion, MedianPruning, Objective, Search, search_space, tune, validation_folds

SPACE = {
    "n_factors": {"type": "int", "low": 2, "high": 40, "log": True},
    "learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
    "min_ratings": {"type": "categorical", "choices": [0, 10, 20]},
}


def run(file, workers=1, trials=14, rule=None, progress=lambda line: None, params=None):
    """Tune SVD on a small generated set."""
    sample = generate_sample(seed=2, n_users=60, n_items=150, n_ratings=2000)
    folds = validation_folds(sample.ratings, kind="per_user", folds=3, share=0.2, seed=0)
    objective = Objective("svd", {"n_epochs": 3} | (params or {}), folds, sample.items, Criterion(), seed=0)
    search = Search(trials, round_size=4, pruning=rule or MedianPruning(), seed=5)
    return tune(
        objective, search_space("svd", SPACE), search, file=Path(file), workers=workers, progress=progress
    )


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), progress=lambda line: sys.stdout.write(f"{line}\n"))
