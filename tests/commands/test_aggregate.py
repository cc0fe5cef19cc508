"""`armlift aggregate`: sums, readings and MLflow, beside a router or without one."""

import shutil
from datetime import timedelta

import pytest
from click.testing import CliRunner
from live_log import DAY, NOON, SECOND, brief, decision, write
from live_traffic import MINUTE, random_log

from armlift import tracking
from armlift.__main__ import main
from armlift.commands.aggregate import AggregateReport, aggregate_live, in_words
from armlift.environment import RouterSettings
from armlift.errors import LiveError, TrackingError
from armlift.storage import ExperimentStore, Readings, migrate, open_database
from armlift.storage.times import moment_of

NOW = moment_of(NOON + 10 * MINUTE)
GUARDRAILS = [{"metric": "ctr", "non_inferiority_margin": 0.1}, {"metric": "lcp_seconds", "at_most": 2.5}]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "MODE", "HOST", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, project, monkeypatch):
    """A store with two experiments, one of them running, and two days of traffic."""
    url = f"sqlite:///{project / 'data/live/armlift.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
        monkeypatch.setenv("DATABASE_URL", url)
    with open_database(url, exclusive=False) as database:
        migrate(database)
        experiments = ExperimentStore(database)
        experiments.create(brief(guardrails=GUARDRAILS), who="ada", start=True)
        experiments.create(brief("pages"), who="ada")
        random_log(database, 80)
        yield database


@pytest.fixture
def exports(monkeypatch):
    """Stand in for the export to MLflow; its calls are noted."""
    calls = []

    def export_live(source, holder, now, *, root):
        calls.append((holder, now, root))
        return tracking.ExportReport(leased=True, cut=source.cut(now), exported=3)

    monkeypatch.setattr(tracking, "export_live", export_live)
    return calls


def run(project, now=NOW, **options):
    return aggregate_live(RouterSettings.from_environment(project), now, root=project, **options)


def test_everything_is_brought_up_to_date(project, store, exports):
    report = run(project)
    assert report.intervals.rows > 100
    read = Readings(store)
    assert read.series("films")["decisions"].sum() == read.totals("films")["decisions"].sum()
    found = read.monitoring()
    assert len(found) == report.readings > 10
    assert set(found["experiment_id"]) == {"films"}, "the other one does not run"
    assert {"sample_ratio", "excluded_share", "traffic_share", "ctr", "regret"} <= set(found["metric"])
    assert set(found["at"]) == {NOW}
    assert (report.exported, report.export_error) == (3, "")
    assert report.unknown == ("lcp_seconds of films",)
    (call,) = exports
    assert call[1:] == (NOON + 10 * MINUTE, project)


def test_the_same_moment_again_is_the_same(project, store, exports):
    run(project)
    before = Readings(store).monitoring(), Readings(store).series("films")
    run(project)
    after = Readings(store).monitoring(), Readings(store).series("films")
    assert before[0].equals(after[0])
    assert before[1].equals(after[1])


def test_where_a_router_exports_it_is_left_to_it(project, store, exports):
    run(project)
    run(project, NOW + timedelta(seconds=30))
    assert len(exports) == 1, "MLflow was served half a minute ago"
    write(store, decision(900, ts=NOON))
    run(project, NOW + timedelta(minutes=5))
    assert len(exports) == 2


def test_without_mlflow_the_rest_is_done(project, store, monkeypatch):
    def fail(*_, **__):
        raise TrackingError("MLflow is\naway.")

    monkeypatch.setattr(tracking, "export_live", fail)
    report = run(project)
    assert report.export_error == "MLflow is away."
    assert report.readings == len(Readings(store).monitoring()) > 10


def test_a_day_can_be_summed_again_alone(project, store, exports):
    report = run(project, day=moment_of(NOON - DAY).date())
    assert (report.intervals.since, report.readings) == (moment_of(NOON - DAY - DAY // 2), 0)
    assert set(Readings(store).series("films")["bucket_at"].dt.day) == {3}
    assert exports == []


def test_an_alarm_is_named(project, store, exports):
    number = 1000
    users = (decision(number + n, user=f"v{n}", strategy="split", ts=NOON + n * SECOND) for n in range(300))
    write(store, *users)
    report = run(project)
    assert "films sample_ratio split" in report.alarms


def test_beside_a_router_that_holds_the_store(project, exports):
    """On SQLite the router's lock keeps other routers out, and no aggregation."""
    url = f"sqlite:///{project / 'data/live/armlift.db'}"
    with open_database(url, exclusive=True) as database:
        migrate(database)
        ExperimentStore(database).create(brief(), who="ada", start=True)
        random_log(database, 20)
        assert run(project).intervals.rows > 10
        assert Readings(database).series("films")["decisions"].sum() > 0


def test_without_a_store_nothing_happens(project):
    report = run(project)
    assert report == AggregateReport()
    assert "no store" in in_words(report)
    assert not (project / "data").exists()


def test_a_store_that_is_away_is_said(project, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(LiveError, match="cannot be used"):
        run(project)


def test_the_command_says_what_it_did(project, template, monkeypatch):
    """All of it, with MLflow."""
    shutil.copy(template, project / "mlflow.db")
    url = f"sqlite:///{project / 'data/live/armlift.db'}"
    with open_database(url, exclusive=False) as database:
        migrate(database)
        ExperimentStore(database).create(brief(guardrails=GUARDRAILS), who="ada", start=True)
        random_log(database, 20, days=0.1)
    result = CliRunner().invoke(main, ["aggregate"])
    assert result.exit_code == 0, result.output
    first, *others = result.output.splitlines()
    assert first.startswith("Summed 2024-10-04 ")
    assert first.endswith("windows to MLflow.")
    assert " 0 windows" not in first
    assert others == ["Not known live: lcp_seconds of films, of which the log has nothing."]
    again = CliRunner().invoke(main, ["aggregate", "--day", "2024-10-04"])
    assert again.output.startswith("Summed 2024-10-04 00:00 to 2024-10-05 00:00 UTC")
    assert CliRunner().invoke(main, ["aggregate", "--day", "yesterday"]).exit_code == 2
