"""The benchmark of the recommenders reads ml-100k as it is published, here from invented ratings."""

import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from armlift.datasets import generate_sample

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "recommenders.py"
GENRES = ("unknown", "Action", "Comedy", "Drama")


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("recommenders_benchmark", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    monkeypatch.syspath_prepend(BENCHMARK.parent)  # for what it imports from beside it
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ml_100k(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the files of ml-100k with 40 users, 120 items and about 1,500 ratings."""
    sample = generate_sample(seed=2, n_users=40, n_items=120, n_ratings=1500)
    folder = tmp_path_factory.mktemp("data") / "ml-100k"
    folder.mkdir()
    seconds = (sample.ratings["timestamp"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    stars = np.ceil(sample.ratings["rating"]).astype(int)
    columns = [sample.ratings["user_id"], sample.ratings["item_id"], stars, seconds]
    pd.concat(columns, axis=1).to_csv(folder / "u.data", sep="\t", header=False, index=False)
    (folder / "u.genre").write_text("".join(f"{name}|{place}\n" for place, name in enumerate(GENRES)))
    (folder / "u.user").write_text("".join(f"{u}|30|F|other|00000\n" for u in sample.users["user_id"]))
    (folder / "u.item").write_text(
        "".join(
            f"{item.item_id}|A film ({item.year})|01-Jan-{item.year}||http://x|0|{item.item_id % 2}|1|0\n"
            for item in sample.items.itertuples()
        )
    )
    return folder


def rows_of(benchmark: ModuleType, monkeypatch: Any, capsys: Any, *arguments: str) -> tuple[list[str], str]:
    monkeypatch.setattr(sys, "argv", ["recommenders.py", *arguments])
    benchmark.main()
    printed = capsys.readouterr()
    header, rule, *rows = printed.out.splitlines()
    assert header.count("|") == rule.count("|")
    assert {row.count("|") for row in rows} <= {header.count("|")}
    return rows, printed.err


def test_rows_of_ml_100k(benchmark: ModuleType, ml_100k: Path, monkeypatch: Any, capsys: Any) -> None:
    arguments = ["--path", str(ml_100k), "--seeds", "2", "--only", "lightgbm", "popularity", "weighted"]
    monkeypatch.setattr(
        benchmark,
        "HYBRIDS",
        {"weighted": benchmark.Model("weighted", {"parts": {"popularity": {}, "svd": {}}})},
    )
    rows, progress = rows_of(benchmark, monkeypatch, capsys, *arguments)
    assert "fitted lightgbm, seed 1" in progress
    table = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert [row[:3] for row in table] == [
        ["ml-100k, leave latest out", "popularity", "NDCG@10"],
        ["ml-100k, random split", "LightGBM", "AUC"],
        ["ml-100k, random split", "LightGBM", "calibration error"],
        ["ml-100k, temporal split", "LightGBM", "AUC"],
        ["ml-100k, temporal split", "LightGBM", "calibration error"],
        ["ml-100k, temporal split", "popularity", "NDCG@10"],
        ["ml-100k, temporal split", "weighted", "NDCG@10"],
        ["ml-100k, temporal split", "weighted - popularity", "difference"],
        ["ml-100k, 5 windows", "popularity", "NDCG@10"],
        ["ml-100k, 5 windows", "weighted", "NDCG@10"],
        ["ml-100k, 5 windows", "weighted - popularity", "difference"],
    ]
    popularity, lightgbm, compared = table[0], table[1], table[7]
    assert popularity[5:] == ["2", "", "", "0.045"]  # each with its own draw of the latest of a moment
    assert lightgbm[5:7] == ["2", ">= 0.77"]
    assert lightgbm[7] == ("met" if float(lightgbm[3]) >= 0.77 else "**missed**")
    assert compared[7] in ("better", "worse", "not decided")


def test_a_set_is_told_by_its_files(benchmark: ModuleType, ml_100k: Path, tmp_path: Path) -> None:
    assert benchmark.source_of(ml_100k) == benchmark.source_of(ml_100k.parent) == "ml-100k"
    archive = tmp_path / "download.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("ml-latest-small/ratings.csv", "")
    assert benchmark.source_of(archive) == "ml-latest-small"
    with pytest.raises(SystemExit, match=r"holds none of u\.data, ratings\.csv"):
        benchmark.source_of(tmp_path)


def test_errors_are_held_against_upper_bounds_and_gains_against_lower_ones(benchmark: ModuleType) -> None:
    assert benchmark.measured("d", "m", "RMSE", [0.9, 0.8], "<= 0.86").verdict == "met"
    assert benchmark.measured("d", "m", "AUC", [0.9, 0.8], ">= 0.86").verdict == "**missed**"
    assert benchmark.measured("d", "m", "AUC", [0.9, 0.8]).spread == "0.8000 .. 0.9000"
