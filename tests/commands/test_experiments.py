import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_router import FakeRouter
from live_log import brief, decision, reward, write

from armlift.__main__ import main
from armlift.storage import ExperimentStore, open_database
from armlift.storage.migrations import migrate

BRIEFS = Path(__file__).parents[2] / "conf/base/briefs"


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "API_BASE_URL", "ARMLIFT_API_KEY", "MODE", "HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def films(tmp_path):
    file = tmp_path / "films.json"
    file.write_text(brief().canonical_json)
    return file


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["experiments", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def router(project, monkeypatch):
    """A router that holds the store."""
    url = f"sqlite:///{project / 'data/live/armlift.db'}"
    with open_database(url, exclusive=True), FakeRouter().serving() as server:
        monkeypatch.setenv("API_BASE_URL", server.url)
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        yield server


def live_through_the_commands(films):
    created = json.loads(run("create", films, "--why", "first try", "--json"))
    assert (created["id"], created["state"], created["actions"]) == ("films", "draft", ["start", "archive"])
    assert created["brief_hash"] == brief().content_hash
    assert run("start", "films") == "films is running.\n"
    assert run("pause", "films", "--why", "latency", "--who", "on call") == "films is on hold.\n"
    run("resume", "films")
    forced = run("force", "films", "svd", "--why", "clear enough")
    assert forced == "films is completed, with svd for everybody.\n"
    assert json.loads(run("archive", "films", "--json"))["state"] == "archived"
    shown = json.loads(run("show", "films", "--json"))
    assert shown["experiment"] == json.loads(run("list", "--json"))[0]
    assert shown["brief"] == json.loads(brief().canonical_json)
    assert [(row["action"], row["who"], row["why"]) for row in shown["audit"]] == [
        ("create", "command line", "first try"),
        ("start", "command line", "asked for on the command line"),
        ("pause", "on call", "latency"),
        ("resume", "command line", "asked for on the command line"),
        ("force", "command line", "clear enough"),
        ("archive", "command line", "asked for on the command line"),
    ]


def test_a_life_on_sqlite_without_a_router(films):
    live_through_the_commands(films)


def test_a_life_on_postgresql(films, postgresql_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", postgresql_url)
    monkeypatch.setenv("API_BASE_URL", "http://127.0.0.1:9")
    live_through_the_commands(films)


def test_the_lock_is_let_go(films, project):
    run("create", films)
    open_database(f"sqlite:///{project / 'data/live/armlift.db'}", exclusive=True).close()


def test_what_was_learned_is_shown(films, project):
    assert "There are no experiments" in run("list")
    run("create", films)
    assert run("list").startswith("films  a draft\n")
    run("start", "films")
    with open_database(f"sqlite:///{project / 'data/live/armlift.db'}", exclusive=True) as database:
        for number in range(40):
            arm, strategy = ("popularity", "svd")[number % 2], ("bandit", "split")[number % 4 // 2]
            write(database, reward(decision(number, arm=arm, strategy=strategy), float(number % 2)))
    (found,) = json.loads(run("list", "--json"))
    assert [(arm["id"], arm["label"], arm["n"], arm["reward"]) for arm in found["arms"]] == [
        ("popularity", "popularity", 20, 0.0),
        ("svd", "Latent factors", 20, 1.0),
    ]
    split, bandit = found["strategies"]
    assert [(arm["decisions"], arm["n"], arm["allocation"]) for arm in split["arms"]] == [(10, 10, 0.5)] * 2
    assert bandit["arms"][1]["allocation"] == pytest.approx(0.95, abs=0.01)
    assert found["arms"][1]["allocation"] == pytest.approx(0.5 * 0.5 + 0.5 * bandit["arms"][1]["allocation"])
    assert sum(arm["allocation"] for arm in found["arms"]) == pytest.approx(1.0)
    words = run("show", "films")
    assert "mean reward 1.0000 of 10, 10 decisions" in words
    assert "bandit (thompson), 50% of the users" in words
    assert "command line  start: draft -> running" in words


def test_while_on_hold_everybody_has_control(films):
    run("create", films)
    run("start", "films")
    (running,) = json.loads(run("list", "--json"))
    assert [arm["allocation"] for arm in running["arms"]] == [0.5, 0.5]
    run("pause", "films", "--why", "latency")
    (paused,) = json.loads(run("list", "--json"))
    assert [arm["allocation"] for arm in paused["arms"]] == [1.0, 0.0]


def test_every_shipped_brief_that_runs_live_can_be_created():
    for file in sorted(BRIEFS.glob("*.yml")):
        assert "is a draft" in run("create", file)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["pause", "films"], 2, "Missing option '--why'"),
        (["force", "films", "svd"], 2, "Missing option '--why'"),
        (["force", "films", "ease", "--why", "x"], 1, "winner = 'ease': must satisfy one of popularity, svd"),
        (["pause", "films", "--why", " "], 1, "a reason for pause"),
        (["resume", "films"], 1, "Error: resume is not possible while the experiment is running."),
        (["start", "other"], 1, "experiment = 'other': is not known. Choose one of films."),
        (["show", "other"], 1, "'other': is not known"),
        (["create", "films.json"], 1, "id = 'films': must satisfy an id that no experiment"),
        (["create", "nowhere.yml"], 1, "nowhere.yml has 1 fault"),
    ],
)
def test_refusals_are_errors_in_words(films, arguments, code, words):
    run("create", films)
    run("start", "films")
    before = run("show", "films", "--json")
    assert words in run(*arguments, code=code)
    assert run("show", "films", "--json") == before


STANDING = {
    "id": "films",
    "state": "hold",
    "winner": None,
    "actions": ["resume"],
    "arms": [],
    "strategies": [],
}


def test_a_router_that_holds_the_store_is_asked(films, router, monkeypatch):
    router.answer = 200, STANDING
    monkeypatch.setenv("ARMLIFT_API_KEY", "al_key")
    assert run("pause", "films", "--why", "latency") == "films is on hold.\n"
    run("force", "films", "svd", "--why", "x", "--who", "ada")
    run("create", films, "--why", "try")
    assert json.loads(run("start", "a/b", "--json")) == STANDING
    by = {"reason": "asked for on the command line", "who": "command line"}
    assert router.asked == [
        (
            "POST",
            "/api/experiments/films/pause",
            {"reason": "latency", "who": "command line"},
            "Bearer al_key",
        ),
        (
            "POST",
            "/api/experiments/films/force",
            {"reason": "x", "who": "ada", "arm": "svd"},
            "Bearer al_key",
        ),
        (
            "POST",
            "/api/experiments",
            {"brief": brief().model_dump(mode="json"), "reason": "try", "who": "command line"},
            "Bearer al_key",
        ),
        ("POST", "/api/experiments/a%2Fb/start", by, "Bearer al_key"),
    ]


def test_lists_come_from_the_router_too(router):
    arm = {"id": "svd", "label": "svd", "n": 4, "reward": 0.25, "allocation": 0.9}
    router.answer = 200, [{**STANDING, "arms": [arm]}]
    output = run("list")
    assert output.splitlines()[0] == "films  on hold"
    assert output.splitlines()[1].split() == ["svd", "90.0%", "mean", "reward", "0.2500", "of", "4"]
    assert json.loads(run("list", "--json")) == router.answer[1]
    router.answer = (
        200,
        {
            "experiment": {**STANDING, "objective": "More clicks.", "brief_hash": "f00d"},
            "brief": {},
            "audit": [
                {
                    "ts": 1_790_000_000_000_000,
                    "action": "create",
                    "state_before": "",
                    "state_after": "draft",
                    "who": "ada",
                    "why": "try",
                }
            ],
        },
    )
    assert run("show", "films").strip().endswith("2026-09-21 14:13:20Z  ada  create: draft; try")
    assert [asked[:2] for asked in router.asked] == [("GET", "/api/experiments")] * 2 + [
        ("GET", "/api/experiments/films")
    ]
    assert {asked[3] for asked in router.asked} == {None}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((409, {"detail": "pause is not possible while the experiment is draft."}), "is draft. (http://127"),
        ((401, {"detail": "Send a key."}), "Send a key. Set ARMLIFT_API_KEY to a key that may. (http://127"),
        ((403, {"detail": "The key has read."}), "Set ARMLIFT_API_KEY to a key that may."),
        ((404, b"<html>"), "it is no armlift router, or not of this version."),
        ((200, b"hello"), "it is no armlift router"),
        ((307, {}), "it is no armlift router"),
    ],
)
def test_what_the_router_refuses_is_an_error_in_words(router, answer, words):
    router.answer = answer
    output = run("pause", "films", "--why", "x", code=1)
    assert words in output
    assert len(output.splitlines()) == 1


def test_a_lock_without_a_router_names_both_and_the_remedy(router, monkeypatch):
    monkeypatch.setenv("API_BASE_URL", "http://127.0.0.1:9")
    output = run("list", code=1)
    assert "armlift.db is held by process" in output
    assert "no router answers at http://127.0.0.1:9. Set API_BASE_URL" in output
    assert len(output.splitlines()) == 1


def test_nothing_was_written_past_the_router(films, router, project):
    router.answer = 200, STANDING
    run("create", films)
    with open_database(f"sqlite:///{project / 'data/live/armlift.db'}", exclusive=False) as database:
        migrate(database)
        assert ExperimentStore(database).rows() == ()


def test_a_database_that_is_away_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:s3cret@127.0.0.1:9/films")
    output = run("list", code=1)
    assert "postgresql://ada:***@127.0.0.1:9/films cannot be used: " in output
    assert "s3cret" not in output
    assert len(output.splitlines()) == 1
