import subprocess
import sys

import pytest
from click.testing import CliRunner

import armlift.datasets.download as downloads
from armlift.__main__ import main
from armlift.datasets.sources import SOURCES
from armlift.errors import DownloadError


@pytest.fixture
def fetched(monkeypatch):
    """Stand in for the network; the list receives what was asked for."""
    calls = []

    def download(name, to, *, base_url, progress):
        calls.append((name, to, base_url))
        progress(0, None)
        progress(10, 10)
        return downloads.Download(to / f"{name}.zip", to / name)

    monkeypatch.setattr(downloads, "download", download)
    return calls


def run(*arguments, answer=None):
    return CliRunner().invoke(main, ["download", *arguments], input=answer)


def test_terms_come_first_and_the_default_answer_is_no(fetched, tmp_path):
    for answer in ("\n", "n\n", ""):
        result = run("ml-1m", "--to", str(tmp_path), answer=answer)
        assert result.exit_code == 1
        assert "No commercial" in result.output
        assert "6 MB" in result.output
        assert "[y/N]" in result.output
    assert fetched == []


def test_accepted_by_hand_or_by_flag(fetched, tmp_path):
    by_hand = run("ml-1m", "--to", str(tmp_path), answer="y\n")
    by_flag = run("ml-1m", "--to", str(tmp_path), "--yes", "--base-url", "http://mirror/x")
    for result in (by_hand, by_flag):
        assert result.exit_code == 0, result.output
        expected = f"kedro run --pipeline=simulate --params=data.source=ml-1m,data.path={tmp_path}/ml-1m"
        assert expected in result.output
    publisher = "https://files.grouplens.org/datasets/movielens"
    assert fetched == [("ml-1m", tmp_path, publisher), ("ml-1m", tmp_path, "http://mirror/x")]


def test_present_set_is_left_alone(fetched, tmp_path, monkeypatch):
    found = downloads.Download(tmp_path / "ml-1m.zip", tmp_path / "ml-1m")
    monkeypatch.setattr(downloads, "find_download", lambda name, to, base_url: found)
    result = run("ml-1m", "--to", str(tmp_path))
    assert result.exit_code == 0
    assert "already" in result.output
    assert "kedro run" in result.output
    assert fetched == []


def test_own_errors_are_one_line(monkeypatch, tmp_path):
    def fail(*args, **options):
        raise DownloadError("No network.\nTry later.")

    monkeypatch.setattr(downloads, "download", fail)
    result = run("ml-1m", "--to", str(tmp_path), "--yes")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "Error: No network. Try later."
    result = run("ml-2m")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: data set = 'ml-2m': must satisfy one of ml-100k, ml-1m")


def test_help_names_all_sets():
    text = run("--help").output
    assert all(name in text for name in SOURCES)
    assert "data/raw" in text


def test_module_runs_and_loads_nothing_heavy():
    code = (
        "import sys, armlift.__main__ as m; m.main(['--help'], standalone_mode=False);"
        "print(sorted({'pandas', 'numpy', 'requests', 'rich', 'kedro', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "download" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
    done = subprocess.run(
        [sys.executable, "-m", "armlift", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Usage: armlift ")
