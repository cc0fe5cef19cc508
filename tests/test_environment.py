import re
from pathlib import Path

import pytest

from armlift import environment
from armlift.environment import (
    DashboardSettings,
    RouterSettings,
    artifact_location,
    dagster_url,
    notify_urls,
    tracking_uri,
)
from armlift.errors import ParameterError
from armlift.experiments.signing import load_secrets


@pytest.fixture(autouse=True)
def _no_setting(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_default_store_lies_in_the_root(tmp_path):
    assert tracking_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert artifact_location(tmp_path) == f"file://{tmp_path}/mlartifacts"


def test_the_uri_does_not_follow_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    here = tracking_uri(Path())
    monkeypatch.chdir("elsewhere")
    assert here == tracking_uri(tmp_path) == tracking_uri(Path(".."))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("sqlite:///runs/mlflow.db", "sqlite:///{root}/runs/mlflow.db"),
        ("sqlite:////srv/mlflow.db", "sqlite:////srv/mlflow.db"),
        ("http://mlflow:5000", "http://mlflow:5000"),
        ("postgresql://user@database/mlflow", "postgresql://user@database/mlflow"),
        ("", "sqlite:///{root}/mlflow.db"),
    ],
)
def test_a_setting_counts_and_a_relative_path_starts_at_the_root(tmp_path, monkeypatch, setting, expected):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", setting)
    assert tracking_uri(tmp_path) == expected.format(root=tmp_path)


def test_a_server_decides_where_its_artifacts_are(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert artifact_location(tmp_path) is None


# The router's settings

ROOT = Path(__file__).parents[1]
SERVED = {"MODE": "kubernetes", "HOST": "0.0.0.0", "API_BASE_URL": "https://router.example"}


def settings(root=Path("/srv/armlift"), **environ):
    return RouterSettings.from_environment(root, environ)


def test_without_any_variable_the_router_serves_this_machine_alone():
    assert settings() == RouterSettings(
        mode="development",
        host="127.0.0.1",
        port=8000,
        database_url="sqlite:////srv/armlift/data/live/armlift.db",
        api_base_url="http://127.0.0.1:8000",
        keys_required=False,
        require_decision_id=False,
        allowed_hosts=("127.0.0.1", "[::1]", "localhost"),
        allowed_origins=(),
        rate_limit=0.0,
        export_seconds=60.0,
        retention_days=365,
    )
    assert settings().loopback
    assert settings(**dict.fromkeys(documented(), " ")) == settings()


def test_elsewhere_it_is_strict():
    served = settings(**SERVED)
    assert (served.keys_required, served.require_decision_id, served.rate_limit) == (True, True, 1000.0)
    assert served.allowed_hosts == ("127.0.0.1", "[::1]", "localhost", "router.example")
    assert not served.loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
@pytest.mark.parametrize("name", ["ARMLIFT_API_KEYS", "ARMLIFT_REQUIRE_DECISION_ID"])
def test_what_protects_may_be_off_on_this_machine_only(host, name):
    attribute = {"ARMLIFT_API_KEYS": "keys_required"}.get(name, "require_decision_id")
    assert getattr(settings(HOST=host, **{name: "off"}), attribute) is False
    assert getattr(settings(HOST=host, **{name: "on"}), attribute) is True
    for elsewhere in ({"MODE": "docker", "HOST": host}, {"HOST": "0.0.0.0"}, {"HOST": "10.0.0.7"}):
        with pytest.raises(
            ParameterError, match=f"{name} = 'off': must satisfy on, except in MODE=development"
        ):
            settings(**elsewhere, **{name: "off"})
        assert getattr(settings(**elsewhere), attribute) is True


def test_every_variable_counts():
    given = settings(
        MODE="docker",
        HOST="10.0.0.7",
        PORT="81",
        DATABASE_URL="postgresql://ann:hush@database/armlift",
        API_BASE_URL="https://router.example/base/",
        ARMLIFT_ALLOWED_HOSTS="Router.example, *,[::1],",
        ARMLIFT_ALLOWED_ORIGINS="https://shop.example,http://localhost:5173",
        ARMLIFT_RATE_LIMIT="0.5",
        ARMLIFT_EXPORT_SECONDS="5",
        ARMLIFT_RETENTION_DAYS="30",
    )
    assert (given.mode, given.host, given.port) == ("docker", "10.0.0.7", 81)
    assert given.database_url == "postgresql://ann:hush@database/armlift"
    assert given.api_base_url == "https://router.example/base"
    assert given.allowed_hosts == ("router.example", "*", "[::1]")
    assert given.allowed_origins == ("https://shop.example", "http://localhost:5173")
    assert (given.rate_limit, given.export_seconds, given.retention_days) == (0.5, 5.0, 30)
    assert "hush" not in repr(given)


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:9"), ("::", "http://[::1]:9"), ("router", "http://router:9")],
)
def test_the_address_follows_host_and_port(host, url):
    assert settings(HOST=host, PORT="9").api_base_url == url


def test_a_relative_store_starts_at_the_root(tmp_path):
    assert settings(tmp_path, DATABASE_URL="sqlite:///a.db").database_url == f"sqlite:///{tmp_path}/a.db"
    assert settings(tmp_path, DATABASE_URL="sqlite:////b/a.db").database_url == "sqlite:////b/a.db"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MODE", "production", "one of development, docker, kubernetes"),
        ("HOST", "http://127.0.0.1", "Leave out scheme and port"),
        ("HOST", "[::1]", "Leave out scheme and port"),
        ("HOST", "127.0.0.1:8000", "Leave out scheme and port"),
        ("PORT", "0", "a whole number, 1 to 65535"),
        ("PORT", "65536", "1 to 65535"),
        ("PORT", "http", "Leave it out for 8000"),
        ("API_BASE_URL", "router.example", "Write it in full"),
        ("API_BASE_URL", "https://ann:hush@router.example", "Write it in full"),
        ("API_BASE_URL", "http://[::1", "Write it in full"),
        ("DATABASE_URL", "sqlite://", "sqlite:///FILE"),
        ("DATABASE_URL", "sqlite:///:memory:", "sqlite:///FILE"),
        ("DATABASE_URL", "postgres:hush", "postgresql://USER"),
        ("DATABASE_URL", "mysql://ann:hush@database/armlift", "'mysql:...'"),
        ("ARMLIFT_API_KEYS", "yes", "on or off"),
        ("ARMLIFT_REQUIRE_DECISION_ID", "0", "on or off"),
        ("ARMLIFT_ALLOWED_HOSTS", "https://router.example", "host names"),
        ("ARMLIFT_ALLOWED_HOSTS", "a b", "host names"),
        ("ARMLIFT_ALLOWED_ORIGINS", "*", "Name each one"),
        ("ARMLIFT_ALLOWED_ORIGINS", "https://shop.example/", "without a path"),
        ("ARMLIFT_RATE_LIMIT", "-1", "a number, 0 or more"),
        ("ARMLIFT_RATE_LIMIT", "nan", "a number, 0 or more"),
        ("ARMLIFT_RATE_LIMIT", "inf", "a number, 0 or more"),
        ("ARMLIFT_EXPORT_SECONDS", "0", "1 to 3600"),
        ("ARMLIFT_RETENTION_DAYS", "0", "a whole number, 1 to 3650"),
        ("ARMLIFT_RETENTION_DAYS", "1.5", "a whole number"),
    ],
)
def test_bounds(name, value, words):
    with pytest.raises(ParameterError, match=f"^{name} = ") as caught:
        settings(**{name: value})
    assert words in str(caught.value)
    assert "hush" not in str(caught.value)


def documented():
    return re.findall(r"^\| `([A-Z_]+)` \|", environment.__doc__, re.MULTILINE)


def test_table_and_example_name_the_same_variables():
    example = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example - {"ARMLIFT_TEST_DATA"} == set(documented())  # that one is read by tests alone
    assert len(documented()) == len(set(documented()))


def test_the_table_names_what_is_read():
    class Recorder(dict):
        def get(self, name, default=None):
            asked.add(name)
            return super().get(name, default)

    asked = set()
    RouterSettings.from_environment(ROOT, Recorder())
    DashboardSettings.from_environment(ROOT, Recorder())
    load_secrets(ROOT, "docker", Recorder(ARMLIFT_SECRET="s" * 32, ARMLIFT_USER_SECRET="u" * 32))
    notify_urls(Recorder())
    dagster_url(Recorder())
    elsewhere = {"MLFLOW_TRACKING_URI", "ARMLIFT_API_KEY"}  # by `tracking_uri`, and by the commands
    assert asked | elsewhere == set(documented())
