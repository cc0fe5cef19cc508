"""Worlds of known truth, bad parameters and bad rows, through a session of the project."""

import json
import logging
from shutil import copytree

import numpy as np
import pytest
from kedro.validation import ParameterValidationError

from armlift.errors import BadRowsError, ParameterError

TABLES = ("tabulate", "write_events")


def test_the_aa_world_runs(project):
    project.run(to=TABLES, world={"kind": "aa"})
    tables = project.tables()
    rates = tables["arm_click_rates"]
    assert rates["is_best"].all()
    assert np.ptp(rates.groupby("segment")["click_rate"].agg(["min", "max"]), axis=1).max() < 1e-12
    assert rates.loc[rates["segment"] == "all", "click_rate"].iloc[0] == pytest.approx(0.1, abs=1e-9)
    np.testing.assert_allclose(tables["policy_summary"]["regret_mean"], 0.0, atol=1e-9)
    assert tables["policy_summary"]["decisions_to_best"].isna().all()
    clicks = tables["events"].dropna(subset="item_id")
    first = tables["slates"].query("arm == 'popularity'")
    shown = set(zip("user-" + first["user_id"].astype(str), first["item_id"], strict=True))
    assert len(clicks) > 0
    assert set(zip(clicks["user_key"], clicks["item_id"], strict=True)) <= shown


def test_the_bernoulli_world_runs(project):
    project.run(to=TABLES, world={"kind": "bernoulli", "means": [0.2, 0.6]})
    tables = project.tables()
    rates = tables["arm_click_rates"].set_index(["segment", "arm"])["click_rate"]
    assert rates.to_dict() == {
        ("all", "arm_1"): 0.2, ("all", "arm_2"): 0.6, ("everyone", "arm_1"): 0.2, ("everyone", "arm_2"): 0.6,
    }  # fmt: skip
    assert tables["events"]["item_id"].isna().all()
    summary = tables["policy_summary"].set_index("policy")
    assert summary.loc["fixed", "ctr_mean"] == pytest.approx(0.4, abs=0.05)
    assert summary.loc["thompson", "lift_low"] > 0.1


def test_without_a_fixed_split_there_is_no_lift(project):
    """The policies cannot be taken away by `--params`, so the conf is changed."""
    file = project.root / "conf/base/parameters/simulation.yml"
    text = file.read_text()
    try:
        file.write_text(text.replace("    fixed: {}\n", ""))
        project.run(to=TABLES)
    finally:
        file.write_text(text)
    tables = project.tables()
    assert "fixed" not in set(tables["policy_summary"]["policy"])
    assert tables["policy_summary"][["lift", "lift_low", "lift_high"]].isna().all(axis=None)
    assert tables["cusum"].empty


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (  # all that is wrong with a block is said at once
            {"world": {"click_rate": 2, "training_share": 0, "kind": "moon", "means": [0.1, 1.5]}},
            [
                *("click_rate", "less than 1", "input_value=2"),
                *("training_share", "greater than 0", "input_value=0"),
                *("kind", "'movielens', 'aa' or 'bernoulli'", "'moon'"),
                *("means.1", "less than or equal to 1", "1.5"),
            ],
        ),
        (
            {"simulation": {"horizon": 0, "seed": -1, "horizont": 5}},
            [
                *("horizon", "greater than or equal to 1", "input_value=0"),
                *("seed", "greater than or equal to 0", "input_value=-1"),
                *("horizont", "Extra inputs are not permitted"),
            ],
        ),
        ({"policies": {"floor": -0.1}}, ["floor", "greater than or equal to 0", "input_value=-0.1"]),
        (
            {"policies": {"play": {"epsilon_greedy": {"epsilon": 3}}}},
            ["epsilon = 3", "0 <= epsilon <= 1", "Try"],
        ),
        ({"policies": {"play": {"tompson": {}}}}, ["policy = 'tompson'", "one of fixed"]),
        ({"training": {"recommenders": {"svd": {"n_factors": 0}}}}, ["n_factors = 0", ">= 1"]),
        ({"training": {"recommenders": {"svm": {}}}}, ["recommender = 'svm'", "one of", "svd"]),
        ({"training": {"slate_size": 0}}, ["slate_size", "greater than or equal to 1", "input_value=0"]),
        ({"data": {"on_bad_rows": "ignore"}}, ["on_bad_rows", "'raise' or 'drop'", "'ignore'"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_bad_parameter_stops_before_any_node(project, caplog, parameters, words):
    caplog.set_level(logging.INFO, "armlift")
    with pytest.raises(ParameterValidationError) as caught:
        project.run(**parameters)
    for word in words:
        assert word in str(caught.value)
    assert not [record for record in caplog.records if "read_data" in record.getMessage()]


def test_an_unknown_source_is_named_with_those_there_are(project):
    with pytest.raises(ParameterError, match=r"data\.source = 'netflix'.*sample.*ml-latest-small"):
        project.run(data={"source": "netflix"})


@pytest.fixture
def broken(project, tmp_path):
    """The tiny files with three bad rows."""
    folder = tmp_path / "ml-latest-small"
    copytree(project.ratings_files, folder)
    lines = (folder / "ratings.csv").read_text().splitlines()
    lines[10] = lines[10].rsplit(",", 2)[0] + ",nine,1560000000"
    lines[20] = lines[20].rsplit(",", 2)[0] + ",7.5,1560000000"
    lines.append("1,999999,4.0,1560000000")
    (folder / "ratings.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_bad_rows_stop_the_run_by_default(project, broken):
    with pytest.raises(BadRowsError, match=r"ratings\.csv.*11"):
        project.run("data", data={"path": str(broken)})


def test_dropped_rows_go_to_the_rejects(project, broken):
    project.run("data", data={"path": str(broken), "on_bad_rows": "drop"})
    rejects = project.tables()["rejects"]
    assert list(rejects) == ["file", "line", "column", "value", "reason", "remedy"]
    assert rejects["line"].tolist() == [11, 21, 3202]
    assert rejects["column"].tolist() == ["rating", "rating", "item_id"]
    assert rejects["value"].tolist() == ["nine", "7.5", "999999"]
    assert (rejects[["reason", "remedy"]] != "").all(axis=None)
    snapshot = json.loads((project.root / "data/processed/data_snapshot.json").read_text())
    assert snapshot["rejects"] == 3
    assert snapshot["ratings"] == len(project.tables()["ratings"]) == 3198


def test_local_conf_and_params_change_only_what_they_name(project):
    """The tests' conf has a block of its own for `simulation`; one parameter more must not undo base's."""
    project.run(to=("split_by_user",), world={"withheld_share": 0.25})
    newest = project.runs()[0].data.params
    assert newest["world.withheld_share"] == "0.25"
    project.run(to=("play_policies",), simulation={"horizon": 100, "replicates": 1}, policies={"floor": 0.0})
    newest = project.runs()[0].data.params
    assert newest["simulation.horizon"] == "100"
    assert newest["simulation.batch_size"] == "20"  # from conf/test
    assert newest["simulation.decisions_per_day"] == "2000"  # from conf/base
    assert newest["policies.play.softmax.temperature"] == "0.02"
    assert newest["world.means"] == "[0.1, 0.11, 0.12]"


@pytest.mark.slow
def test_the_main_job_on_movielens(project, movielens_small):
    """All of it on real files: the arms of conf/base, fewer replicates and decisions."""
    simulation = {"horizon": 4000, "replicates": 40, "checkpoints": 40}
    data = {"source": "ml-latest-small", "path": str(movielens_small)}
    project.run(env="base", data=data, simulation=simulation)
    tables = project.tables()
    assert len(tables["ratings"]) == 100_836
    assert tables["rejects"].empty
    facts = json.loads((project.root / "data/simulation/world_facts.json").read_text())
    assert facts["users_with_history"] > 0.8
    rates = tables["arm_click_rates"]
    whole = rates[rates["segment"] == "all"].set_index("arm")["click_rate"]
    assert whole.mean() == pytest.approx(0.1, abs=1e-9)
    assert whole["random"] == whole.min()
    assert whole.max() > 1.1 * whole.min()
    summary = tables["policy_summary"].set_index("policy")
    assert summary["lift"].drop("fixed").max() > 0.0
    assert (summary["regret_mean"] <= summary.loc["fixed", "regret_mean"] + 1e-9).all()
    assert project.runs()[-1].info.status == "FINISHED"


@pytest.mark.slow
def test_arms_differ_on_the_sample_and_no_arm_is_best_for_everyone(project):
    project.run(to=("build_world",), env="base", data={"source": "sample", "path": None})
    rates = project.tables()["arm_click_rates"]
    whole = rates.loc[rates["segment"] == "all", "click_rate"].to_numpy()
    assert whole.max() > 1.1 * whole.min()
    assert np.unique(np.round(whole, 6)).size == 5
    best = rates[rates["is_best"] & (rates["segment"] != "all")]
    assert best.groupby("segment").size().tolist() == [1, 1, 1, 1]
    assert best["arm"].nunique() >= 2
