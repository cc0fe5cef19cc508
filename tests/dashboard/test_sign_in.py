"""Who signs people in; what they see of it is in tests/browser/test_sign_in.py."""

import pytest

from armlift.environment import DashboardSettings
from armlift.errors import ParameterError
from dashboard.access import add_user
from dashboard.sign_in import ElsewhereProvider, PasswordProvider


def test_a_file_without_users_lets_nobody_start(tmp_path):
    with pytest.raises(ParameterError, match="add-user"):
        PasswordProvider(tmp_path / "missing")
    (tmp_path / "users").touch()
    with pytest.raises(ParameterError, match="names someone"):
        PasswordProvider(tmp_path / "users")


def test_a_provider_asks_with_a_page_of_its_own(tmp_path):
    add_user(tmp_path / "users", "ann", "viewer", "long enough")
    provider = PasswordProvider(tmp_path / "users")
    assert provider.login_handler.users_file == tmp_path / "users"
    assert provider.login_url == "/login"


def test_a_name_has_to_wait_after_five_wrong_passwords(tmp_path, monkeypatch):
    add_user(tmp_path / "users", "ann", "viewer", "long enough")
    handler = object.__new__(PasswordProvider(tmp_path / "users").login_handler)
    monkeypatch.setattr(handler, "_wrong", {})
    assert handler._validate("ann", "long enough")
    assert not any(handler._validate("ann", f"guess number {number}") for number in range(5))
    assert not handler._validate("ann", "long enough")
    assert not handler._validate("nobody", "long enough")
    monkeypatch.setattr("dashboard.sign_in._PAUSE_SECONDS", 0.0)
    assert handler._validate("ann", "long enough")


@pytest.mark.parametrize("name", ["gitbub", "password", "pam"])
def test_a_provider_that_nobody_knows_is_refused(tmp_path, name):
    given = {f"DASHBOARD_OAUTH_{word}": name for word in ("PROVIDER", "KEY", "SECRET")}
    with pytest.raises(ParameterError, match=rf"{name}.*azure.*generic.*github.*okta"):
        ElsewhereProvider(DashboardSettings.from_environment(tmp_path, given))
