"""The entry points of MLproject name pipelines, environments and commands that exist."""

import shlex
from pathlib import Path

import pytest
import yaml

from armlift.__main__ import main
from armlift.pipeline_registry import register_pipelines

ROOT = Path(__file__).parents[1]
PROJECT = yaml.safe_load((ROOT / "MLproject").read_text("utf-8"))


def command(entry):
    defaults = {name: given["default"] for name, given in entry["parameters"].items()}
    return shlex.split(entry["command"].format(**defaults))


def test_there_is_an_entry_point_for_each_step():
    assert PROJECT["entry_points"].keys() == {"main", "data", "train", "evaluate", "simulate", "router"}
    assert (ROOT / PROJECT["python_env"]).is_file()


@pytest.mark.parametrize("name", ["main", "data", "train", "evaluate", "simulate"])
def test_a_step_runs_its_pipeline(name):
    words = command(PROJECT["entry_points"][name])
    assert words[: words.index("run")] == ["env", "-u", "MLFLOW_RUN_ID", "kedro"]
    pipeline = next(word.removeprefix("--pipelines=") for word in words if word.startswith("--pipelines="))
    assert pipeline == {"main": "simulate"}.get(name, name)
    assert pipeline in register_pipelines()


def test_the_router_is_asked_by_the_command():
    words = command(PROJECT["entry_points"]["router"])
    assert words[:2] == ["armlift", "route"]
    parsed = main.commands["route"].make_context("route", words[2:])
    assert parsed.params["users"] == "1,2,3,4,5"
