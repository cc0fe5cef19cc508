import json
import re

import pytest
from click.testing import CliRunner

from armlift.__main__ import main
from armlift.commands import keys
from armlift.experiments.signing import load_secrets
from armlift.storage import load_keys, open_database
from armlift.storage.api_keys import SCOPES
from armlift.storage.audit import audit_rows


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "MODE", "HOST", "ARMLIFT_SECRET", "ARMLIFT_USER_SECRET"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["keys", *arguments])
    assert result.exit_code == code, result.output
    return result


def database(project, **options):
    return open_database(f"sqlite:///{project / 'data/live/armlift.db'}", **{"exclusive": False, **options})


def test_the_key_alone_is_printed_and_a_router_finds_it(project):
    result = run("create", "shop", "--scope", "reward", "--scope", "decide")
    key = result.stdout.removesuffix("\n")
    assert re.fullmatch(r"al_[A-Za-z0-9_-]{51}", key)
    assert "not shown again" in result.stderr
    with database(project) as store:
        found = load_keys(store, load_secrets(project, "development").users).find(key)
    assert (found.name, found.scopes) == ("shop", ("decide", "reward"))


def test_lists_show_the_end_of_a_key_and_never_the_key(project):
    assert "There are no keys" in run("list").stdout
    made = json.loads(run("create", "shop", "--scope", "admin", "--json").stdout)
    assert made["key"].endswith(made["id"])
    listed = run("list").stdout
    assert f"...{made['id']}  shop" in listed
    assert made["key"][3:46] not in listed
    (record,) = json.loads(run("list", "--json").stdout)
    assert record == {name: value for name, value in made.items() if name != "key"}
    assert run("revoke", "shop").stdout == f"The key of shop that ends in {made['id']} is revoked.\n"
    assert re.search(r"revoked 20\d\d-\d\d-\d\dT[\d:]{8}Z", run("list").stdout)
    assert "key = 'shop'" in run("revoke", "shop", code=1).stderr


def test_keys_are_made_while_a_router_holds_the_store(project):
    run("list")
    with database(project, exclusive=True):
        run("create", "shop", "--scope", "read", "--why", "a dashboard", "--who", "ada")
    with database(project) as store:
        (row,) = audit_rows(store, "")
    assert (row.action, row.who, row.why) == ("create_key", "ada", "a dashboard")


def test_a_key_needs_a_scope_and_a_name_of_its_own():
    assert "Missing option '--scope'" in run("create", "shop", code=2).stderr
    assert "'write' is not one of" in run("create", "shop", "--scope", "write", code=2).stderr
    run("create", "shop", "--scope", "read")
    assert "name = 'shop'" in run("create", "shop", "--scope", "read", code=1).stderr


def test_outside_development_the_secret_must_be_given(project, monkeypatch):
    monkeypatch.setenv("MODE", "docker")
    assert "ARMLIFT_SECRET" in run("create", "shop", "--scope", "read", code=1).stderr
    assert not (project / "data/live/secrets.json").exists()


def test_the_scopes_offered_are_those_of_the_store():
    assert keys._SCOPES == SCOPES
