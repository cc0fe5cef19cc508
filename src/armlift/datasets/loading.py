"""One entrance to all data sets."""

from __future__ import annotations

from pathlib import Path

from armlift.datasets.movielens import read_movielens
from armlift.datasets.schema import Dataset
from armlift.datasets.sources import SOURCES
from armlift.datasets.validation import OnBadRows
from armlift.errors import ParameterError


def load_dataset(source: str, path: Path | None, on_bad_rows: OnBadRows, seed: int = 0) -> Dataset:
    """Load a data set, checked.

    Args:
        source: `sample` for a small generated set, or a MovieLens set such as `ml-1m`.
        path: The set's zip archive or folder; not used for `sample`.
        on_bad_rows: `raise` to stop at rows that break the schema, `drop` to list them in `rejects`.
        seed: Seed of the generated set.

    Raises:
        ParameterError: There is no such source, or it needs a path.
        DataFileError: A file is missing, damaged or of another format, or no good row is left.
        BadRowsError: Rows break the schema and `on_bad_rows` is `raise`.

    >>> load_dataset("sample", None, "raise").ratings.columns.tolist()
    ['user_id', 'item_id', 'rating', 'timestamp']
    """
    if source == "sample":
        from armlift.datasets.sample import generate_sample

        sample = generate_sample(seed=seed)
        return Dataset(sample.ratings, sample.items, sample.users)
    if source not in SOURCES:
        allowed = ", ".join(("sample", *SOURCES))
        raise ParameterError("data.source", source, f"one of {allowed}", "Check the spelling.")
    if path is None:
        remedy = f"Run `armlift download {source}`, then set data.path to the folder it names."
        raise ParameterError("data.path", path, f"a file or folder for {source}", remedy)
    return read_movielens(source, path, on_bad_rows)
