"""The thin part of the checks: they read the catalog's data sets and answer in Dagster's words."""

import dagster as dg
import pandas as pd
import pytest

from dagster_defs.checks import CHECKS, Check, kedro_checks
from dagster_defs.project import ROOT, KedroProject
from dagster_defs.verdicts import Verdict


def judged(project, check):
    (definition,) = kedro_checks(project, [check])
    return definition.node_def.compute_fn.decorated_fn()


@pytest.fixture
def project(tmp_path):
    (tmp_path / "conf/base").mkdir(parents=True)
    (tmp_path / "conf/base/catalog.yml").write_text(
        "numbers: {type: pandas.ParquetDataset, filepath: data/numbers.parquet}\n"
    )
    (tmp_path / "data").mkdir()
    return KedroProject(tmp_path, "base")


def positive(numbers: pd.DataFrame) -> Verdict:
    """Check that all are positive."""
    return Verdict(bool((numbers["x"] > 0).all()), "Looked at.", {"rows": len(numbers)})


def test_every_check_is_of_assets_that_there_are():
    entries = KedroProject(ROOT).catalog_entries
    assert {name for check in CHECKS for name in (check.asset, *check.inputs)} <= set(entries)
    assert all(check.asset in check.inputs or check.name == "aa_p_value" for check in CHECKS)
    assert len({(check.asset, check.name) for check in CHECKS}) == len(CHECKS)


def test_what_others_build_on_is_checked_by_blocking_checks():
    blocking = {(check.asset, check.name) for check in CHECKS if check.blocking}
    assert {
        ("ratings", "schema"),
        ("data_snapshot", "row_counts"),
        ("history", "no_future_leak"),
        ("slates", "coverage"),
        ("decisions", "sample_ratio"),
        ("events", "aa_p_value"),
    } <= blocking


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("x", [1, -1])
def test_an_answer_has_words_figures_and_a_severity(project, blocking, x):
    pd.DataFrame({"x": [x]}).to_parquet(project.path("numbers"))
    result = judged(project, Check("numbers", "positive", positive, ("numbers",), blocking))
    assert result.passed is (x > 0)
    assert result.description == "Looked at."
    assert result.metadata["rows"].value == 1
    assert result.severity == (dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN)


def test_a_data_set_that_is_not_there_fails_in_words(project):
    result = judged(project, Check("numbers", "positive", positive, ("numbers",)))
    assert not result.passed
    assert result.description == "Not there yet: numbers. Materialise it first."
