import pandas as pd
import pytest

from armlift.datasets import load_dataset
from armlift.errors import DataFileError, ParameterError


def test_sample_depends_on_the_seed_only():
    data, again, other = (load_dataset("sample", None, "raise", seed=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(data.ratings, again.ratings)
    assert not data.ratings.equals(other.ratings)
    assert data.rejects.empty


def test_unknown_source_names_the_allowed_ones():
    with pytest.raises(ParameterError, match=r"data.source = 'ml-2m'.*sample, ml-100k, ml-1m, ml-10m"):
        load_dataset("ml-2m", None, "raise")


def test_missing_path_names_the_remedy():
    with pytest.raises(ParameterError, match=r"armlift download ml-1m`, then set data.path"):
        load_dataset("ml-1m", None, "raise")


def test_path_is_passed_on(tmp_path):
    with pytest.raises(DataFileError, match=r"ml-1m/absent: no such file"):
        load_dataset("ml-1m", tmp_path / "ml-1m" / "absent", "drop")
