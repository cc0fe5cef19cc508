import stat

import pytest
from click.testing import CliRunner

from armlift.environment import DashboardSettings
from armlift.errors import ParameterError
from dashboard.__main__ import main
from dashboard.access import add_user, hash_password, is_password, read_users
from dashboard.app import is_operator


def settings(root, **environ):
    return DashboardSettings.from_environment(root, environ)


def test_a_password_is_kept_as_a_salted_hash():
    one, other = hash_password("long enough"), hash_password("long enough")
    assert one != other
    assert "long" not in one
    assert is_password("long enough", one)
    assert not is_password("long enougH", one)


def test_short_passwords_are_refused():
    with pytest.raises(ParameterError, match="10 letters"):
        hash_password("short")


def test_a_user_is_added_and_replaced_in_a_file_of_ones_own(tmp_path):
    file = tmp_path / "local" / "users"
    add_user(file, "ann", "operator", "first password")
    add_user(file, "bob", "viewer", "bobs password")
    add_user(file, "ann", "viewer", "second password")
    users = read_users(file)
    assert {name: user.role for name, user in users.items()} == {"ann": "viewer", "bob": "viewer"}
    assert is_password("second password", users["ann"].hashed)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "two words", "a:b", "x" * 65])
def test_names_that_the_file_cannot_hold_are_refused(tmp_path, name):
    with pytest.raises(ParameterError, match="name"):
        add_user(tmp_path / "users", name, "viewer", "long enough")


@pytest.mark.parametrize("line", ["ann", "ann:root:scrypt$a$b", "ann:viewer:plain text"])
def test_a_broken_line_is_named(tmp_path, line):
    file = tmp_path / "users"
    file.write_text(f"# who may\n\n{line}\n")
    with pytest.raises(ParameterError, match="line 3"):
        read_users(file)


def test_other_machines_are_let_in_only_where_people_sign_in(tmp_path):
    with pytest.raises(ParameterError, match=r"add-user NAME.*DASHBOARD_OAUTH_PROVIDER"):
        settings(tmp_path, DASHBOARD_HOST="0.0.0.0")
    open_to_all = settings(tmp_path, DASHBOARD_HOST="0.0.0.0", DASHBOARD_USERS="conf/local/users")
    assert open_to_all.users == tmp_path / "conf/local/users"
    assert open_to_all.signed_in
    assert not settings(tmp_path).signed_in


def test_a_provider_needs_its_key_and_secret(tmp_path):
    with pytest.raises(ParameterError, match="DASHBOARD_OAUTH_KEY"):
        settings(tmp_path, DASHBOARD_OAUTH_PROVIDER="github")
    given = settings(
        tmp_path,
        DASHBOARD_OAUTH_PROVIDER="github",
        DASHBOARD_OAUTH_KEY="key",
        DASHBOARD_OAUTH_SECRET="hush",
        DASHBOARD_OPERATORS="ann, bob",
    )
    assert "hush" not in repr(given)
    assert is_operator(given, "bob")
    assert not is_operator(given, "eve")


def test_roles(tmp_path):
    add_user(tmp_path / "users", "ann", "operator", "long enough")
    add_user(tmp_path / "users", "bob", "viewer", "long enough")
    given = settings(tmp_path, DASHBOARD_USERS="users")
    assert [is_operator(given, name) for name in ("ann", "bob", "eve", "")] == [True, False, False, False]
    assert is_operator(settings(tmp_path), "")


def test_the_command_adds_a_user_and_refuses_in_words(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = "long enough\nlong enough\n"
    done = CliRunner().invoke(main, ["add-user", "ann", "--role", "operator"], input=typed)
    assert done.exit_code == 0, done.output
    assert "DASHBOARD_USERS=conf/local/dashboard_users" in done.output
    assert read_users(tmp_path / "conf/local/dashboard_users")["ann"].role == "operator"
    refused = CliRunner().invoke(main, ["add-user", "ann"], input="short\nshort\n")
    assert refused.exit_code == 1
    assert "Traceback" not in refused.output


def test_the_dashboard_does_not_start_for_all_to_see(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(main, env={"DASHBOARD_HOST": "0.0.0.0"})
    assert refused.exit_code == 1
    assert "DASHBOARD_USERS" in refused.output
