from uuid import uuid4

import mlflow
import pytest

from armlift.tracking.session_runs import LOCAL_UI, kill_runs, session_run, tagged_runs

PARENT = "mlflow.parentRunId"


@pytest.fixture
def session_id():
    return str(uuid4())


def test_the_run_of_a_session_is_found_by_its_tag(store, session_id):
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("sessions")
    made = client.create_run(experiment, tags={"session_id": session_id})
    client.create_run(experiment, tags={"session_id": str(uuid4())})
    client.set_terminated(made.info.run_id)
    found = session_run(session_id)
    assert (found.run_id, found.experiment_id, found.status) == (made.info.run_id, experiment, "FINISHED")
    assert found.url == f"{LOCAL_UI}/#/experiments/{experiment}/runs/{made.info.run_id}"


def test_a_session_without_a_run_has_none(store, session_id):
    assert session_run(session_id) is None


def test_runs_are_tagged_when_they_open_and_only_meanwhile(store, session_id, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", '{"team": "films"}')
    mlflow.set_experiment("sessions")
    tagged = []
    with tagged_runs({"dagster_run_id": session_id}), mlflow.start_run() as inside:
        tagged.append(mlflow.get_run(inside.info.run_id).data.tags)  # as somebody sees it who watches
    with mlflow.start_run() as outside:
        tagged.append(mlflow.get_run(outside.info.run_id).data.tags)
    assert [tags.get("dagster_run_id") for tags in tagged] == [session_id, None]
    assert {tags["team"] for tags in tagged} == {"films"}


def test_open_runs_of_a_dead_process_and_those_below_them_are_killed(store, session_id):
    client = mlflow.MlflowClient()
    experiment = client.create_experiment("sessions")

    def run(**tags):
        return client.create_run(experiment, tags=tags).info.run_id

    def status(run_id):
        return client.get_run(run_id).info.status

    mine, ended, other = (
        run(dagster_run_id=session_id),
        run(dagster_run_id=session_id),
        run(dagster_run_id="d-2"),
    )
    client.set_terminated(ended)
    child = run(**{PARENT: mine})
    grandchild, finished = run(**{PARENT: child}), run(**{PARENT: mine})
    client.set_terminated(finished)
    assert kill_runs("dagster_run_id", session_id) == 3
    assert {status(run_id) for run_id in (mine, child, grandchild)} == {"KILLED"}
    assert [status(run_id) for run_id in (ended, finished, other)] == ["FINISHED", "FINISHED", "RUNNING"]
    assert kill_runs("dagster_run_id", session_id) == 0
