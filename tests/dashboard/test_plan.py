"""The page "Plan": briefs, their faults, their plans, and what the router is asked."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import pytest
from shown_pages import Shown, sketched, view_of

from armlift.errors import LiveError
from armlift.experiments.brief import load_brief
from armlift.experiments.rules import decision_rule, design_for
from armlift.messages import CATALOGUE
from armlift.reporting.plan_tables import plan_record, plan_tables
from armlift.simulation.plan import try_plan
from armlift.simulation.plan_question import ask
from dashboard.feed import RouterHealth
from dashboard.pages import plan as page
from dashboard.plan_draft import LONGEST, examples, read_draft
from dashboard.plan_start import Starter
from dashboard.plan_work import Failed, News, PlanJob, Planned, Progress
from dashboard.view import View

BRIEFS = Path(__file__).parents[2] / "conf/base/briefs"
TEXT = (BRIEFS / "movielens_ab.yml").read_text("utf-8")


def say(key: str, language: str = "en", **values: object) -> str:
    return CATALOGUE[language].say(f"dash.plan.{key}", **values)


@pytest.fixture(scope="module")
def planned() -> Planned:
    """A plan of the example, with few replicates."""
    brief = load_brief(BRIEFS / "movielens_ab.yml")
    question = ask(decision_rule(brief.stopping_rule), design_for(brief, looks=4), brief=brief)
    found = try_plan(question, replicates=40)
    return Planned(plan_record(found), plan_tables(found), 40, True)


class Job:
    """A job that says what it is told to say."""

    made: ClassVar[list[Job]] = []

    def __init__(self, brief: str, report: Any) -> None:
        self.brief, self.report, self.cancelled = brief, report, False
        Job.made.append(self)

    def start(self) -> None:
        self.report(Progress(-1.0))

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    monkeypatch.setattr(page, "PlanJob", Job)
    Job.made.clear()
    return Job.made


def widget(shown: Shown, label: str) -> Any:
    return next(each for each in shown.page.select() if getattr(each, "label", None) == label)


def press(button: Any) -> None:
    button.clicks += 1


def test_drafts() -> None:
    assert read_draft(TEXT).brief == load_brief(BRIEFS / "movielens_ab.yml")
    assert read_draft("").faults == ()
    assert [fault.field for fault in read_draft("id: [").faults] == ["line 1, column 6"]
    faults = {
        fault.field
        for fault in read_draft(
            TEXT.replace("alpha: 0.05", "alpha: 2").replace("looks: 30", "lokks: 30")
        ).faults
    }
    assert {"alpha", "lokks"} <= faults
    assert read_draft("{}").faults
    assert "at most" in read_draft("x" * (LONGEST + 1)).faults[0].message
    assert set(examples(BRIEFS.parents[2])) == {"movielens", "movielens_ab", "product_page"}


def test_faults_are_told_by_field_while_one_writes(tmp_path: Path, jobs: list[Job]) -> None:
    shown = Shown(view_of(tmp_path, brief="movielens_ab"), page.build)
    assert say("faults.none", name="movielens_ab") in shown.html
    text = widget(shown, say("brief"))
    text.value_input = TEXT.replace("alpha: 0.05", "alpha: 2 # <b>")
    assert "<code>alpha</code>" in shown.html
    assert "<b>" not in shown.html
    assert widget(shown, say("compute")).disabled
    text.value_input = ""
    assert say("faults.empty") in shown.html
    text.value_input = TEXT
    assert not widget(shown, say("compute")).disabled
    assert not jobs


def test_a_file_is_taken(tmp_path: Path, jobs: list[Job]) -> None:
    shown = Shown(view_of(tmp_path), page.build)
    widget(shown, say("upload")).value = TEXT.replace("id: movielens_ab", "id: mine").encode()
    assert say("faults.none", name="mine") in shown.html
    widget(shown, say("upload")).value = b"\xff\xfe"
    assert say("faults.title") in shown.html


def test_a_plan_is_shown_as_it_comes(tmp_path: Path, jobs: list[Job], planned: Planned) -> None:
    language = "ko"
    shown = Shown(view_of(tmp_path, brief="movielens_ab", language=language), page.build)
    press(widget(shown, say("compute", language)))
    (job,) = jobs
    assert say("state.waiting", language) in shown.html
    job.report(Progress(0.25, "msprt", "aa"))
    assert "25 %" in shown.html
    assert "msprt" in shown.html
    with sketched():
        job.report(replace(planned, final=False))
    assert say("outcome.first", language, replicates="40") in shown.html
    assert widget(shown, say("cancel", language)).visible
    job.report(planned)
    assert say("state.done", language) in shown.html
    assert say("outcome.final", language, replicates="40") in shown.html
    for name in ("false_declarations", "power", "stopping", "regret"):
        chart = shown.charts[say(f"{name}.title", language)]
        assert (chart.state, chart.note) == ("ready", ""), name
        assert chart.sentence


def test_a_plan_can_be_stopped(tmp_path: Path, jobs: list[Job], planned: Planned) -> None:
    shown = Shown(view_of(tmp_path, brief="movielens_ab"), page.build)
    press(widget(shown, say("compute")))
    press(widget(shown, say("cancel")))
    assert jobs[0].cancelled
    assert say("state.cancelled") in shown.html
    jobs[0].report(planned)  # what was on its way is not shown any more
    assert say("state.cancelled") in shown.html


def test_a_plan_that_fails_says_why(tmp_path: Path, jobs: list[Job]) -> None:
    shown = Shown(view_of(tmp_path, brief="movielens_ab"), page.build)
    press(widget(shown, say("compute")))
    jobs[0].report(Failed("no memory"))
    assert say("state.failed", error="no memory") in shown.html
    assert not widget(shown, say("compute")).disabled


def test_a_job_simulates_in_a_process_of_its_own() -> None:
    heard: list[News] = []
    brief = load_brief(BRIEFS / "movielens_ab.yml")
    job = PlanJob(brief.canonical_json, heard.append, replicates=(10, 20))
    job.start()
    assert job.wait(60)
    plans = [news for news in heard if isinstance(news, Planned)]
    assert [(news.replicates, news.final) for news in plans] == [(10, False), (20, True)]
    shares = [news.share for news in heard if isinstance(news, Progress)]
    assert shares == sorted(shares)
    assert shares[0] < 0
    assert shares[-1] <= 1.0
    assert plans[-1].record["brief_hash"] == brief.content_hash


def test_a_job_that_was_cancelled_says_nothing_more() -> None:
    heard: list[News] = []
    first = Event()

    def hear(news: News) -> None:
        heard.append(news)
        first.set()

    job = PlanJob(load_brief(BRIEFS / "movielens_ab.yml").canonical_json, hear, replicates=(1_000_000,))
    job.start()
    assert first.wait(10)
    job.cancel()
    assert job.wait(20)
    assert not [news for news in heard if isinstance(news, Planned | Failed)]


def test_a_job_says_what_is_wrong_with_its_brief() -> None:
    heard: list[News] = []
    job = PlanJob("{}", heard.append)
    job.start()
    assert job.wait(60)
    assert isinstance(heard[-1], Failed)
    assert "faults" in heard[-1].words


# The router --------------------------------------------------------------------------------------


class Asked:
    """A router that remembers what it was asked."""

    def __init__(self, refuses: bool = False) -> None:
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.refuses = refuses

    def __call__(self, method: str, path: str, body: dict[str, Any]) -> None:
        self.requests.append((method, path, body))
        if self.refuses:
            raise LiveError("409 exists")


def starter_of(view: View, asked: Asked, *, reachable: bool = True, sound: bool = True) -> Starter:
    brief = load_brief(BRIEFS / "movielens_ab.yml") if sound else None
    view.snapshot = replace(view.snapshot, router=RouterHealth(reachable, "http://127.0.0.1:9"))
    return Starter(view, lambda: brief, asked)


def test_an_experiment_is_created_and_started_with_a_reason(tmp_path: Path) -> None:
    asked, view = Asked(), view_of(tmp_path)
    starter = starter_of(view, asked)
    press(starter._start)
    assert not asked.requests
    assert escape(say("needs_reason")) in starter._said.html
    starter._reason.value_input = " we need to know "
    press(starter._start)
    (_, first, created), (_, second, started) = asked.requests
    assert (first, second) == ("/api/experiments", "/api/experiments/movielens_ab/start")
    assert created["brief"]["id"] == "movielens_ab"
    assert created["reason"] == started["reason"] == "we need to know"
    assert say("started", name="movielens_ab") in starter._said.html


def test_a_draft_is_created_and_not_started(tmp_path: Path) -> None:
    asked = Asked()
    starter = starter_of(view_of(tmp_path), asked)
    starter._reason.value_input = "later"
    press(starter._create)
    assert [path for _, path, _ in asked.requests] == ["/api/experiments"]
    assert say("created", name="movielens_ab") in starter._said.html


def test_a_refusal_is_said(tmp_path: Path) -> None:
    starter = starter_of(view_of(tmp_path), Asked(refuses=True))
    starter._reason.value_input = "again"
    press(starter._create)
    assert "409 exists" in starter._said.html
    assert not starter._create.disabled


def test_what_hinders_is_said(tmp_path: Path) -> None:
    view = view_of(tmp_path)
    for changes, hindrance in (({"reachable": False}, "away"), ({"sound": False}, "faults"), ({}, "")):
        starter = starter_of(view, Asked(), **changes)
        assert starter.hindrance == hindrance
        assert starter._create.disabled is bool(hindrance)
    view.operator = False
    starter.refresh()
    assert starter.hindrance == "viewer"
    assert say("hindrance.viewer") in starter._why.html
