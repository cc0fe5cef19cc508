import logging
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import mlflow
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from armlift.errors import DataFileError
from armlift.hooks import RunHooks, show_uncaught

CONF = Path(__file__).parents[1] / "conf"
REGISTRY = """
from kedro.pipeline import Pipeline, node
from pydantic import BaseModel

from armlift.errors import DataFileError


class World(BaseModel):
    click_rate: float
    arms: list[str]
    noise: float = 0.1


def simulate(world: World, run_id: str) -> tuple:
    return type(world).__name__, world.click_rate, run_id


def report(simulated: tuple, fail: bool) -> tuple:
    if fail:
        raise DataFileError("ratings.csv, line 3: rating = 'x'")
    return simulated


def register_pipelines():
    return {
        "__default__": Pipeline(
            [
                node(simulate, ["params:world", "mlflow_run_id"], "simulated", name="simulate"),
                node(report, ["simulated", "params:switches.fail"], "reported", name="report"),
            ]
        )
    }
"""
FILES = {
    "pyproject.toml": """
        [tool.kedro]
        package_name = "trial_of_hooks"
        project_name = "trial"
        kedro_init_version = "1.7.0"
        source_dir = "src"
    """,
    "src/trial_of_hooks/__init__.py": "",
    "src/trial_of_hooks/settings.py": "from armlift.settings import CONFIG_LOADER_ARGS, HOOKS",
    "src/trial_of_hooks/pipeline_registry.py": REGISTRY,
    "conf/base/catalog.yml": "{}",
    "conf/base/parameters.yml": """
        world: {click_rate: 0.25, arms: [svd, random]}
        switches: {fail: false}
        unused: 1
    """,
    "conf/local/.gitkeep": "",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A Kedro project of two nodes with armlift's settings and mlflow.yml."""
    root = tmp_path_factory.mktemp("project")
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(content), encoding="utf-8")
    shutil.copy(CONF / "base/mlflow.yml", root / "conf/base")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(sys, "excepthook", sys.excepthook)
        patch.setattr(sys, "path", list(sys.path))
        bootstrap_project(root)
        yield root
        mlflow.set_tracking_uri(None)


@pytest.fixture
def run(project):
    """Run the project in a session of its own; gives what `reported` holds."""

    def run(**parameters):
        with KedroSession.create(project, runtime_params=parameters) as session:
            return session.run()["reported"].load()

    return run


def tracked():
    """All runs of the experiment, the newest first."""
    return mlflow.MlflowClient().search_runs([mlflow.get_experiment_by_name("armlift").experiment_id])


def test_two_sessions_in_one_process_give_two_finished_runs(run, project):
    first, second = run()[-1], run()[-1]
    assert first != second
    assert [run.info.run_id for run in tracked()] == [second, first]
    assert [run.info.status for run in tracked()] == ["FINISHED", "FINISHED"]
    assert mlflow.active_run() is None
    assert mlflow.get_tracking_uri() == f"sqlite:///{project}/mlflow.db"
    assert tracked()[0].info.artifact_uri.startswith(f"file://{project}/mlartifacts/")


def test_a_run_with_an_error_ends_failed(run):
    with pytest.raises(DataFileError):
        run(switches={"fail": True})
    assert tracked()[0].info.status == "FAILED"
    assert mlflow.active_run() is None


def test_parameters_are_logged_raw_once_and_only_where_used(run):
    seen_by_node = run(world={"click_rate": 0.5})
    assert seen_by_node[:2] == ("World", 0.5)
    assert tracked()[0].data.params == {
        "world.click_rate": "0.5",
        "world.arms": "['svd', 'random']",
        "switches.fail": "False",
    }


def test_each_node_is_shown_with_its_seconds(run, caplog):
    caplog.set_level(logging.INFO, "armlift")
    run_id = run()[-1]
    lines = [record.getMessage().strip() for record in caplog.records if record.name == "armlift.hooks"]
    assert lines == [f"2 nodes, MLflow run {run_id}", "0.0 s  simulate", "0.0 s  report", lines[-1]]
    assert lines[-1].endswith(" s  in all")


def test_a_failed_node_is_named(run, caplog):
    with pytest.raises(DataFileError):
        run(switches={"fail": True})
    assert ("armlift.hooks", logging.ERROR, "report failed") in caplog.record_tuples


def test_without_tracking_nodes_get_no_run():
    catalog = DataCatalog()
    RunHooks().before_pipeline_run(Pipeline([]), catalog)
    assert "mlflow_run_id" not in catalog


def show(error, capsys, caplog):
    """What a user sees of an uncaught error: log messages, and the text of Python's own display."""
    try:
        raise error
    except Exception as caught:
        show_uncaught(type(caught), caught, caught.__traceback__)
    return caplog.messages, capsys.readouterr().err


def test_an_error_that_the_user_can_mend_takes_one_line(capsys, caplog):
    assert show(DataFileError("no ratings.csv"), capsys, caplog) == (["no ratings.csv"], "")


def test_any_other_error_shows_its_traceback(capsys, caplog):
    messages, text = show(ZeroDivisionError("by zero"), capsys, caplog)
    assert messages == []
    assert text.startswith("Traceback")
    assert text.endswith("ZeroDivisionError: by zero\n")


def test_level_debug_shows_every_traceback(capsys, caplog):
    caplog.set_level(logging.DEBUG, "armlift")
    assert show(DataFileError("no ratings.csv"), capsys, caplog)[1].startswith("Traceback")


def test_settings_do_not_import_mlflow():
    code = "import sys, armlift.settings; print('mlflow' in sys.modules, 'sqlalchemy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "False False"
