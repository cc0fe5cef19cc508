"""`armlift route`, `armlift promote` and `armlift slates` on a registry with one training."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from armlift.__main__ import main
from armlift.experiments.assignment import assign
from armlift.storage import SlateSnapshots, migrate, open_database, record_deployment


@pytest.fixture
def project(registry, tmp_path, monkeypatch):
    """The current folder holds the store and the data snapshot `data1`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/processed").mkdir(parents=True)
    (tmp_path / "data/processed/data_snapshot.json").write_text('{"hash": "data1"}')
    items = pd.DataFrame({"item_id": range(100), "title": "Film", "year": 1999, "genres": "Drama"})
    items.to_parquet(tmp_path / "data/processed/items.parquet")
    pd.DataFrame({"item_id": [5, 5, 7]}).to_parquet(tmp_path / "data/processed/ratings.parquet")
    return tmp_path


NAMES = {"logistic_regression", "lightgbm", "svd"}


def run(*arguments, code=0):
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result.output


def test_route_shows_assignment_and_score(project, arms, history):
    answers = json.loads(run("route", "--users", "1,2,77", "-n", 3, "--json"))
    assert [answer["arm"] for answer in answers] == assign([1, 2, 77], "router", [0.5, 0.5]).tolist()
    for answer in answers:
        arm = {"PolicyA": "logistic_regression", "PolicyB": "lightgbm"}[answer["policy"]]
        slate = arms[arm].recommend([answer["user_id"]], 3, history)
        assert answer["item_ids"] == slate["item_id"].tolist()
        assert answer["score"] == pytest.approx(slate["score"].iloc[0])
    words = run("route", "--users", "1,2,77", "-n", 3)
    assert [line.split()[0] for line in words.splitlines()] == ["user", "1", "2", "77"]


def test_route_takes_salt_weights_and_modulo(project):
    output = run("route", "--users", "1,2,3,4", "--salt", "x", "--weights", "0,1", "--json")
    assert {answer["policy"] for answer in json.loads(output)} == {"PolicyB"}
    output = run("route", "--users", "4,5", "--rule", "modulo", "--json")
    assert [answer["policy"] for answer in json.loads(output)] == ["PolicyA", "PolicyB"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--users", "ada"], 2, "'ada' is not a list of numbers"),
        (["--users", "1", "--weights", "half"], 2, "'half' is not a list of numbers"),
        (["--users", "1", "--weights", "1"], 1, "one for each of PolicyA, PolicyB"),
        (["--users", "1", "--rule", "other"], 2, "'other' is not one of"),
    ],
)
def test_route_says_what_is_wrong(project, arguments, code, message):
    assert message in run("route", *arguments, code=code)


def test_promote_moves_the_champion_records_it_and_shows_the_way_back(project, evaluate):
    evaluate("svd", 0.06)
    evaluate("logistic_regression", 0.05)
    output = run("promote", "svd", "--to", "champion", "--why", "better slates")
    assert "champion: version 1 -> version 3 (svd); temporal.ndcg@10 0.0600, the champion's 0.0500" in output
    undo = next(line for line in output.splitlines() if line.startswith("Undo: armlift "))
    assert undo.startswith("Undo: armlift promote 1 --to champion --force --why 'undo the move of 20")
    run("promote", "1", "--to", "champion", "--force", "--why", "undo")
    log = json.loads(run("promote", "--log", "--json"))
    assert [move["to_version"] for move in log if move["alias"] == "champion"] == [1, 3, 1]
    assert log[-2]["why"] == "better slates"
    assert log[-1]["overruled"] is not None
    assert "overruled: " in run("promote", "--log")


def test_promote_refuses_in_one_line(project):
    output = run("promote", "svd", "--to", "champion", code=1)
    assert output.startswith("Error: model = 'svd (version 3)'")
    assert "--force --why TEXT" in output
    assert len(output.splitlines()) == 1


def test_slates_without_items_name_the_remedy(project):
    (project / "data/processed/items.parquet").unlink()
    assert "kedro run --pipelines=data" in run("slates", "rebuild", code=1)


def test_promote_says_what_is_missing(project):
    assert "Name a MODEL and an alias" in run("promote", "svd", code=2)
    (project / "data/processed/data_snapshot.json").write_text("{}")
    assert "kedro run --pipelines=data" in run("promote", "svd", "--to", "champion", code=1)


def test_slates_are_rebuilt_from_the_aliases_and_noticed(project, evaluate):
    assert "Version 1 in data/live/slates: 28 slates." in run("slates", "rebuild", "--length", 3)
    snapshots = SlateSnapshots(project / "data/live/slates")
    before = snapshots.current()
    assert set(before.manifest.arms) == {"PolicyA", "PolicyB", "champion", "challenger"} | NAMES
    assert before.slate("lightgbm", 1) == before.slate("PolicyB", 1)
    assert before.items.item_ids[:2] == [5, 7]
    assert before.slate("champion", 1) == before.slate("PolicyA", 1)
    run("promote", "lightgbm", "--to", "champion", "--force", "--why", "try")
    run("slates", "rebuild", "--length", 3)
    after = snapshots.current()
    assert after.manifest.version == 2
    assert after.slate("champion", 2) == before.slate("PolicyB", 2) != before.slate("champion", 2)
    assert after.slate("champion", 10**6) == after.slate("challenger", -1)
    versions = run("slates", "list").splitlines()
    assert [line.split()[0] for line in versions] == ["1", "2"]
    assert "champion = lightgbm (version 2)" in versions[1]
    assert all("not served" in line for line in versions)


def test_the_list_of_slates_says_since_when_they_are_served(project):
    run("slates", "rebuild", "--length", 3)
    slates = SlateSnapshots(project / "data/live/slates").current()
    with open_database(f"sqlite:///{project}/data/live/armlift.db", exclusive=False) as database:
        migrate(database)
        record_deployment(database, slates, 1_795_000_000_000_000)
    assert "served since 2026-11-18T" in run("slates", "list")
