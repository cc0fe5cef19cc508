"""From a drifted window to a drafted experiment, cut off after every step; the training is a stand-in."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from armlift import tracking
from armlift.__main__ import main
from armlift.commands import retrain as module
from armlift.commands.retrain import drifted_windows, retrain
from armlift.errors import LiveError
from armlift.experiments.brief import load_brief
from armlift.monitoring.reports import DECAY_COLUMNS, DRIFT_COLUMNS
from armlift.storage import ExperimentStore, open_database

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2024-03-01", tz="UTC")


def reports(folder, verdicts):
    """Write reports of one feature and one arm, with a verdict of the feature for each day."""
    folder.mkdir(parents=True, exist_ok=True)
    drift = pd.DataFrame(
        [
            {
                "source": "simulated",
                "window": f"simulated-{START + day * DAY:%Y%m%dT%H%M}-{START + (day + 1) * DAY:%Y%m%dT%H%M}",
                "start": START + day * DAY,
                "end": START + (day + 1) * DAY,
                "feature": "clicks.genre",
                "verdict": verdict,
            }
            for day, verdict in enumerate(verdicts)
        ],
        columns=list(DRIFT_COLUMNS),
    )
    decay = drift.assign(metric="ctr", arm="all", value=0.2, units=500, verdict="stable")
    drift.to_parquet(folder / "drift_report.parquet")
    decay.reindex(columns=list(DECAY_COLUMNS)).to_parquet(folder / "decay_report.parquet")


@pytest.fixture
def project(registry, arms, history, tmp_path, monkeypatch):
    """A project whose second day drifted; `runs` holds what the pipeline was asked for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    reports(tmp_path / "data/monitoring", ["stable", "drift", "warning"])
    runs = []

    def trained(root, name, *, env=None, parameters=None, to_nodes=()):
        experiment = registry.get_experiment_by_name("armlift").experiment_id
        run_id = registry.create_run(experiment).info.run_id
        wanted = parameters["retraining"]
        runs.append((name, wanted))
        result = {
            "window": wanted["window"],
            "run_id": run_id,
            "recommender": wanted["recommender"],
            "model_id": tracking.log_recommenders(run_id, {"svd": arms["svd"]}, history)["svd"],
            "data_hash": "data2",
            "ndcg": 0.3,
            "checks": {"coverage": {"passed": True, "words": "12 %"}},
        }
        file = root / "data/monitoring/retraining/result.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result))

    monkeypatch.setattr(module, "run_pipeline", trained)
    return tmp_path, runs


def drafts(root):
    with open_database(f"sqlite:///{root}/data/live/armlift.db", exclusive=False) as database:
        return ExperimentStore(database).rows()


def challengers():
    return [move for move in tracking.alias_moves() if move.alias == "challenger"]


def test_only_drift_is_answered(project, tmp_path):
    (window,) = drifted_windows(tmp_path)
    assert window.key == "simulated-20240302T0000-20240303T0000"
    assert window.causes == ("clicks.genre",)


def test_before_the_first_monitoring_nothing_drifted(tmp_path):
    assert drifted_windows(tmp_path) == []


def test_a_window_becomes_challenger_and_a_draft(project):
    root, runs = project
    champion = tracking.aliased_versions()["champion"]
    report = retrain(root, drifted_windows(root)[0])
    assert (report.state, report.already, report.version) == ("challenger", False, 4)
    assert set(report.seconds) == {"train", "register", "draft"}
    assert runs[0][0] == "retrain"
    assert runs[0][1]["until"] == "2024-03-03T00:00:00+00:00"
    assert runs[0][1]["recommender"] == champion.recommender
    assert tracking.aliased_versions()["champion"] == champion
    (row,) = drafts(root)
    assert (row.id, row.state) == ("challenger_simulated_20240303T0000", "draft")
    brief = load_brief(report.brief)
    assert brief == row.brief
    assert brief.arms == ("champion", "challenger")
    assert brief.daily_users == 500.0


def test_a_second_call_finds_it_done(project):
    root, runs = project
    window = drifted_windows(root)[0]
    first, second = retrain(root, window), retrain(root, window)
    assert second.already
    assert (second.version, second.experiment_id) == (first.version, first.experiment_id)
    assert (len(runs), len(challengers()), len(drafts(root))) == (1, 2, 1)


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
def test_cut_off_between_doing_and_marking_it_is_finished_and_not_doubled(project, monkeypatch, writes):
    root, runs = project
    window, write, done = drifted_windows(root)[0], module._Marker.write, []

    def cut_off(marker, content):
        if len(done) == writes:
            raise KeyboardInterrupt
        done.append(content)
        write(marker, content)

    monkeypatch.setattr(module._Marker, "write", cut_off)
    with pytest.raises(KeyboardInterrupt):
        retrain(root, window)
    monkeypatch.setattr(module._Marker, "write", write)
    report = retrain(root, window)
    assert (report.state, report.version) == ("challenger", 4)
    assert (len(runs), len(challengers()), len(drafts(root))) == (1, 2, 1)
    assert len(tracking.find_version("4").run_id) > 0


def test_a_check_that_fails_blocks_all_that_follows(project, monkeypatch):
    root, _ = project
    trained = module.run_pipeline

    def poor(*given, **named):
        trained(*given, **named)
        file = root / "data/monitoring/retraining/result.json"
        result = json.loads(file.read_text())
        result["checks"]["coverage"]["passed"] = False
        file.write_text(json.dumps(result))

    monkeypatch.setattr(module, "run_pipeline", poor)
    report = retrain(root, drifted_windows(root)[0])
    assert (report.state, report.version, report.experiment_id) == ("blocked", None, None)
    assert len(challengers()) == 1
    assert not (root / "data/live").exists()
    assert retrain(root, drifted_windows(root)[0]).already


def test_a_store_that_is_away_leaves_the_draft_for_the_next_call(project, monkeypatch):
    root, runs = project
    monkeypatch.setenv("API_BASE_URL", "http://127.0.0.1:9")
    window = drifted_windows(root)[0]
    with open_database(f"sqlite:///{root}/data/live/armlift.db", exclusive=True), pytest.raises(LiveError):
        retrain(root, window)
    assert tracking.aliased_versions()["challenger"].number == 4
    assert retrain(root, window).experiment_id == drafts(root)[0].id
    assert len(runs) == 1


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["retrain", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_lists_answers_and_says_what_is_next(project):
    assert run("--list") == "simulated-20240302T0000-20240303T0000  clicks.genre\n"
    assert json.loads(run("--list", "--json"))[0]["causes"] == ["clicks.genre"]
    words = run("--window", "simulated-20240302T0000-20240303T0000")
    assert "is challenger, version 4" in words
    assert "armlift experiments start challenger_simulated_20240303T0000" in words
    assert json.loads(run("--json"))[0]["already"] is True
    assert "a drifted window" in run("--window", "x", code=1)


def test_without_drift_there_is_nothing_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run() == "Nothing drifted.\n"
    assert json.loads(run("--json")) == []
