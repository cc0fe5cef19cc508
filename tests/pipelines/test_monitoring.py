"""The monitoring pipeline in memory: calm days, a shift, sources that are not there, readings."""

import json
from dataclasses import asdict

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from monitored_world import DAY, START, small_world
from pydantic import ValidationError
from sqlalchemy import insert

from armlift.monitoring.reports import DECAY_COLUMNS, DRIFT_COLUMNS, drifted
from armlift.pipelines.monitoring import create_pipeline
from armlift.pipelines.monitoring.nodes import watch
from armlift.pipelines.monitoring.parameters import MonitoringParameters
from armlift.pipelines.monitoring.sources import observe_live
from armlift.reporting import render_png
from armlift.reporting.drift_charts import drift_charts
from armlift.storage import Readings, migrate, open_database, schema

SPAN = {"window_hours": 24.0, "reference_windows": 3}


@pytest.fixture(scope="module")
def small():
    return small_world()


@pytest.fixture(scope="module")
def shifted(small):
    return small.visits(7, shift=5)


def parameters(*sources, **own):
    return MonitoringParameters.model_validate(
        {
            "sources": sources or ("simulated",),
            "windows": {
                "simulated": SPAN,
                "live": SPAN,
                "ratings": {"window_hours": 8760.0, "reference_windows": 2, "newest_windows": 2},
            },
            "strategies": ["fixed"],
            "decay": {"minimum_units": 50},
        }
        | own
    )


def tables(small, visits):
    return {
        "decisions": visits[0],
        "events": visits[1],
        "slates": small.slates,
        "ratings": small.ratings,
        "items": small.items,
        "history": small.history,
        "future": small.future,
        "recommenders": small.recommenders,
    }


@pytest.fixture(scope="module")
def reports(small, shifted):
    return watch(**tables(small, shifted), monitoring=parameters())


def test_a_shift_of_tastes_is_seen_from_its_day_on(reports):
    drift, decay, words = reports
    assert tuple(drift) == DRIFT_COLUMNS
    assert tuple(decay) == DECAY_COLUMNS
    assert drift["window"].nunique() == decay["window"].nunique() == 4
    windows = drifted(drift, decay)
    assert windows[0].start == START + 5 * DAY
    assert windows[0].key == "simulated-20240106T0000-20240107T0000"
    assert "popularity.ctr" in windows[0].causes
    assert "popularity" in words
    assert "0.25" in words
    assert (drift["false_alarms_warning"] > 0).any()


def test_what_an_arm_shows_does_not_drift_with_the_tastes(reports):
    drift, _, _ = reports
    slates = drift[drift["feature"].str.startswith(("slates_", "visits."))]
    assert {"slates_popularity.item", "slates_random.score", "visits.hour"} <= set(slates["feature"])
    assert set(slates["verdict"]) <= {"stable", "not decided"}


def test_calm_days_say_nothing(small):
    drift, decay, words = watch(**tables(small, small.visits(6)), monitoring=parameters())
    assert drifted(drift, decay) == []
    assert "no feature drifts" in words
    assert "no arm does worse" in words


def test_a_strategy_that_learns_is_not_watched(small, shifted):
    decisions, events = shifted
    learning = decisions.assign(strategy_id="thompson")
    drift, decay, words = watch(**tables(small, (learning, events)), monitoring=parameters())
    assert drift.empty
    assert decay.empty
    assert words.startswith("No newer window")


def test_a_log_that_is_too_short_has_no_window_to_judge(small):
    drift, decay, words = watch(**tables(small, small.visits(2)), monitoring=parameters())
    assert (len(drift), len(decay)) == (0, 0)
    assert drifted(drift, decay) == []
    assert words.startswith("No newer window")


def test_ratings_are_watched_with_the_auc_of_each_model(small, shifted):
    drift, decay, _ = watch(
        **tables(small, shifted), monitoring=parameters("ratings", drift={"minimum_rows": 10})
    )
    assert set(drift["source"]) == {"ratings"}
    assert {"ratings.rating", "ratings.user_activity", "ratings.genre"} <= set(drift["feature"])
    assert set(decay["metric"]) <= {"auc"}


def test_without_a_live_store_nothing_is_watched_and_none_is_made(small, tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    span = parameters().windows["live"]
    assert observe_live(small.slates, small.history, small.items, span, ["fixed"], tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def _logged(database, visits):
    """Write visits of seven days into a live store as if the last of them had been yesterday."""
    decisions, events = (table.copy() for table in visits)
    late = pd.Timestamp.now("UTC").floor("D") - (START + 7 * DAY)
    for table in (decisions, events):
        table["simulated"] = False
        for name in {"ts", "ts_server"} & set(table.columns):
            table[name] = (table[name] + late).astype("int64")
    events["item_id"] = events["item_id"].astype("string")
    with database.begin() as connection:
        for target, table in ((schema.decisions, decisions), (schema.events, events)):
            texts = [column.name for column in target.columns if column.type.python_type is str]
            table[texts] = table[texts].fillna("")
            rows = table.astype(object).where(table.notna(), None).to_dict("records")
            connection.execute(insert(target), [{name: row[name] for name in row} for row in rows])


def test_a_shift_is_found_in_the_log_of_the_live_router(small, shifted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (tmp_path / "data/live").mkdir(parents=True)
    with open_database("sqlite:///data/live/armlift.db", exclusive=False) as database:
        migrate(database)
        _logged(database, shifted)
    drift, decay, words = watch(**tables(small, shifted), monitoring=parameters("live"))
    (window, *_) = drifted(drift, decay)
    assert window.key.startswith("live-")
    assert "popularity.ctr" in window.causes
    shift = pd.Timestamp.now("UTC").floor("D") - 2 * DAY
    assert window.start == shift, "two of the seven days have other tastes"
    assert "popularity" in words


def test_the_charts_say_what_drifted(reports):
    charts = drift_charts(*reports[:2])
    assert {"psi_simulated_clicks", "ctr_simulated", "auc_simulated"} <= set(charts)
    assert "popularity" in charts["ctr_simulated"].caption
    assert charts["psi_simulated_visits"].caption.startswith("Nothing drifts.")
    assert render_png(charts["ctr_simulated"]).size == (1600, 900)
    assert drift_charts(reports[0].iloc[:0], reports[1].iloc[:0]) == {}


def test_the_pipeline_records_in_memory(small, shifted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    (tmp_path / "data/live").mkdir(parents=True)
    with open_database("sqlite:///data/live/armlift.db", exclusive=False) as database:
        migrate(database)
        inputs = tables(small, shifted) | {"params:monitoring": parameters()}
        datasets = {name: MemoryDataset(value, copy_mode="assign") for name, value in inputs.items()}
        pipeline = create_pipeline().to_outputs("drift_readings")
        outputs = SequentialRunner().run(pipeline, DataCatalog(datasets))
        found = {name: output.load() for name, output in outputs.items()}
        readings = Readings(database).monitoring()
    assert found["drift_readings"]["written"] == len(readings)
    assert readings["metric"].str.match(r"(drift|decay):").all()
    alarms = readings[readings["alarm"]]
    assert "decay:popularity.ctr" in set(alarms["metric"])
    assert alarms["details"].iloc[0]["window"].startswith("simulated-")


@pytest.mark.parametrize(
    "wrong", [{"sources": []}, {"sources": ["nowhere"]}, {"strategies": []}, {"drift": {"alpha": 0}}]
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        parameters(**wrong) if "sources" not in wrong else MonitoringParameters.model_validate(
            parameters().model_dump() | wrong
        )


def test_reports_survive_json(reports):
    drift, decay, _ = reports
    for window in drifted(drift, decay):
        assert json.loads(json.dumps(asdict(window), default=str))["source"] == "simulated"
