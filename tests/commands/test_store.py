import pytest
from click.testing import CliRunner
from live_log import brief, decision, reward, write

from armlift.__main__ import main
from armlift.storage import ExperimentStore, open_database
from armlift.storage.migrations import migrate


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "MODE", "HOST"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, project, monkeypatch):
    """A store with one experiment and three rewards."""
    if request.param == "sqlite":
        url = f"sqlite:///{project / 'data/live/armlift.db'}"
    else:
        url = request.getfixturevalue("postgresql_url")
        monkeypatch.setenv("DATABASE_URL", url)
    with open_database(url, exclusive=False) as database:
        migrate(database)
        ExperimentStore(database).create(brief(), who="ada")
        write(database, *(reward(decision(number)) for number in range(3)))
    return url


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["store", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def test_a_store_goes_to_a_file_and_comes_back(url, project):
    assert run("backup", "to/monday.backup").startswith(
        "to/monday.backup: 1 experiments, 3 decisions, 3 events. Keep the secrets elsewhere"
    )
    with open_database(url, exclusive=False) as database:
        before = ExperimentStore(database).counters()
        write(database, reward(decision(9)))
    output = run("restore", "to/monday.backup", code=1)
    assert "4 decisions" in output
    assert "--force" in output
    assert len(output.splitlines()) == 1
    assert "1 experiments, 3 decisions, 3 events, checked." in run("restore", "to/monday.backup", "--force")
    with open_database(url, exclusive=False) as database:
        assert ExperimentStore(database).counters() == before
        assert migrate(database) is False


def test_while_a_router_runs_backups_are_made_and_nothing_is_restored(project):
    url = f"sqlite:///{project / 'data/live/armlift.db'}"
    with open_database(url, exclusive=True) as database:
        migrate(database)
        ExperimentStore(database).create(brief(), who="ada")
        run("backup", "monday.backup")
        output = run("restore", "monday.backup", "--force", code=1)
        assert "is held by process" in output
        assert len(ExperimentStore(database).rows()) == 1


def test_a_new_store_is_made_from_a_backup(project, monkeypatch):
    with open_database(f"sqlite:///{project / 'data/live/armlift.db'}", exclusive=False) as database:
        migrate(database)
        ExperimentStore(database).create(brief(), who="ada")
    run("backup", "monday.backup")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///other/place.db")
    run("restore", "monday.backup")
    with open_database(f"sqlite:///{project / 'other/place.db'}", exclusive=True) as database:
        assert [row.id for row in ExperimentStore(database).rows()] == ["films"]


def test_what_is_not_there_is_named(project):
    assert "armlift.db holds no experiments. Set DATABASE_URL" in run("backup", "monday.backup", code=1)
    assert not (project / "data/live/armlift.db").exists()
    assert not (project / "monday.backup").exists()
    assert "monday.backup is not a file" in run("restore", "monday.backup", code=1)
