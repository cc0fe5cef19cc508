"""Retraining in real Kedro sessions on the tiny world: once, whatever is killed, and the gate behind it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner
from integration.conftest import Project

from armlift import tracking
from armlift.__main__ import main
from armlift.commands.drift_scenario import Scenario, play, story
from armlift.commands.retrain import drifted_windows, retrain
from armlift.errors import DataFileError
from armlift.monitoring.reports import DECAY_COLUMNS, DRIFT_COLUMNS
from armlift.storage import ExperimentStore, Readings, open_database

KEY = "simulated-20240106T0000-20240107T0000"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, template):
    """A project on the tiny files, trained once, in which one window has drifted."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "DATABASE_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("DO_NOT_TRACK", "true")
        patch.setenv("PYTHONPATH", "")
        patch.setattr(sys, "excepthook", sys.excepthook)
        patch.setattr(sys, "path", list(sys.path))
        root = tmp_path_factory.mktemp("drift") / "armlift"
        root.mkdir()
        shutil.copy(template, root / "mlflow.db")
        project = Project(root)
        data = {"source": "ml-latest-small", "path": str(project.ratings_files)}
        (root / "conf/test/parameters_data.yml").write_text(json.dumps({"data": data}))
        project.run("train")
        _drifted(root / "data/monitoring")
        yield project
        mlflow.set_tracking_uri(None)
        os.environ.pop("MLFLOW_TRACKING_URI", None)


def _drifted(folder: Path) -> None:
    folder.mkdir(parents=True)
    start = pd.Timestamp("2024-01-06", tz="UTC")
    row = {"source": "simulated", "window": KEY, "start": start, "end": start + pd.Timedelta(days=1)}
    drift = pd.DataFrame([row | {"feature": "clicks.genre", "verdict": "drift"}], columns=list(DRIFT_COLUMNS))
    drift.to_parquet(folder / "drift_report.parquet")
    decay = pd.DataFrame(columns=list(DECAY_COLUMNS))
    decay.astype({"start": drift["start"].dtype, "end": drift["start"].dtype}).to_parquet(
        folder / "decay_report.parquet"
    )


def test_a_drifted_window_becomes_challenger_and_passes_the_gate(trained, monkeypatch):
    root = trained.root
    monkeypatch.chdir(root)
    (window,) = drifted_windows(root)
    champion = trained_champion()
    report = retrain(root, window, env="test")
    assert report.recommender == champion.recommender
    assert set(report.checks) == {"no worse than popularity", "coverage"}
    assert tracking.aliased_versions()["champion"] == champion
    if report.state == "blocked":
        pytest.fail(f"the tiny world's model is to pass its checks: {report.checks}")
    assert tracking.aliased_versions()["challenger"].number == report.version
    assert retrain(root, window, env="test").already

    # Only the gate promotes: by the evaluation that the retraining made on the same data.
    answer = CliRunner().invoke(main, ["promote", "challenger", "--to", "champion", "--why", "drift"])
    assert answer.exit_code == 0, answer.output
    assert tracking.aliased_versions()["champion"].number == report.version
    with open_database(f"sqlite:///{root}/data/live/armlift.db", exclusive=False) as database:
        assert [(row.id, row.state) for row in ExperimentStore(database).rows()] == [
            (report.experiment_id, "draft")
        ]


def trained_champion() -> tracking.RecommenderVersion:
    return tracking.aliased_versions()["champion"]


_KILLED = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from armlift.commands import retrain as module
name = sys.argv[1]
step = getattr(module, name)
def killed(*given):
    step(*given)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, name, killed)
root = Path.cwd()
module.retrain(root, module.drifted_windows(root)[0], env="test")
"""


@pytest.mark.slow
def test_killed_after_each_step_the_next_call_finishes_without_doing_it_twice(trained, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(trained.root, root, ignore=shutil.ignore_patterns("retrained", "retraining", ".git"))
    shutil.rmtree(root / "data/live", ignore_errors=True)
    environment = os.environ | {"MLFLOW_TRACKING_URI": "", "DATABASE_URL": "", "PYTHONPATH": ""}
    before = None
    for step in ("_train", "_register", "_draft"):
        ended = subprocess.run(
            [sys.executable, "-c", _KILLED, step], cwd=root, env=environment, capture_output=True, check=False
        )
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]
        if before is None:  # one training, whose result is there
            before = json.loads((root / "data/monitoring/retraining/result.json").read_text())["run_id"]
    done = subprocess.run(
        [sys.executable, "-m", "armlift", "retrain", "--env", "test", "--json"],
        cwd=root,
        env=environment,
        capture_output=True,
        check=True,
    )
    (report,) = json.loads(done.stdout)
    assert report["run_id"] == before
    log = subprocess.run(
        [sys.executable, "-m", "armlift", "promote", "--log", "--json"],
        cwd=root,
        env=environment,
        capture_output=True,
        check=True,
    )
    moves = [move for move in json.loads(log.stdout) if KEY in move["why"] and move["alias"] == "challenger"]
    assert moves[-1]["to_version"] == report["version"]
    assert sum(move["to_version"] == report["version"] for move in moves) == 1
    with open_database(f"sqlite:///{root}/data/live/armlift.db", exclusive=False) as database:
        assert len(ExperimentStore(database).rows()) == 1


@pytest.mark.slow
def test_the_demo_plays_to_its_end_in_a_folder_of_its_own(trained, tmp_path):
    said: list[str] = []
    folder = tmp_path / "demo"
    played = play(
        trained.root, folder, Scenario(share=1.0, per_day=1500, calm_days=1, env="test"), say=said.append
    )
    assert played.window is not None
    assert played.window.start >= played.shift
    assert played.report is not None
    assert set(played.rates) == {"popularity", "champion", "challenger"}
    assert sum("no drift" in line for line in said) >= 1
    assert any("new tastes" in line and "DRIFT" in line for line in said)
    words = story(played)
    assert "drift detected" in words
    assert "Nothing was promoted" in words
    with open_database(f"sqlite:///{folder}/data/live/armlift.db", exclusive=False) as database:
        assert Readings(database).monitoring()["metric"].str.startswith(("drift:", "decay:")).all()
    with pytest.raises(DataFileError, match="no demo left"):
        play(trained.root, trained.root / "conf", Scenario(), say=said.append)
