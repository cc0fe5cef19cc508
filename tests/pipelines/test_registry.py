"""The registered pipelines, their catalog and their parameters, without running them."""

from pathlib import Path

import pytest
import yaml
from kedro.config import OmegaConfigLoader

from armlift.pipeline_registry import register_pipelines
from armlift.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[2]
PIPELINES = register_pipelines()


def config(env, **runtime):
    return OmegaConfigLoader(str(ROOT / "conf"), env=env, runtime_params=runtime, **CONFIG_LOADER_ARGS)


@pytest.fixture(scope="module")
def catalog():
    return {
        name: entry
        for file in (ROOT / "conf/base/catalog").glob("*.yml")
        for name, entry in yaml.safe_load(file.read_text()).items()
    }


def test_the_words_of_the_command():
    assert {"data", "train", "simulate", "plan", "evaluate", "__default__"} <= set(PIPELINES)
    assert PIPELINES["__default__"].nodes == PIPELINES["simulate"].nodes
    assert set(PIPELINES["data"].nodes) < set(PIPELINES["train"].nodes) < set(PIPELINES["simulate"].nodes)


@pytest.mark.parametrize("name", PIPELINES)
def test_every_output_is_in_the_catalog_with_a_layer_and_one_line(name, catalog):
    for output in PIPELINES[name].all_outputs():
        metadata = catalog[output]["metadata"]
        assert metadata["kedro-viz"]["layer"]
        assert len(metadata["description"]) > 20
        assert "\n" not in metadata["description"]


def test_the_catalog_holds_nothing_that_no_pipeline_writes(catalog):
    assert set(catalog) == set.union(*(set(pipeline.all_outputs()) for pipeline in PIPELINES.values()))


def test_tables_are_parquet_where_the_name_says(catalog):
    names = (
        "decisions", "events",
        "policy_trend", "traffic_share", "posterior_snapshots", "cusum", "policy_summary",
    )  # fmt: skip
    for name in names:
        assert catalog[name]["type"] == "pandas.ParquetDataset"
        assert catalog[name]["filepath"] == f"data/simulation/{name}.parquet"


def test_the_evaluations_public_tables_are_parquet(catalog):
    for name in ("offline_metrics", "segment_metrics", "model_comparison"):
        assert catalog[name]["type"] == "pandas.ParquetDataset"
        assert catalog[name]["filepath"] == f"data/evaluation/{name}.parquet"


@pytest.mark.parametrize("name", PIPELINES)
def test_every_node_says_in_a_docstring_what_it_does(name):
    for node in PIPELINES[name].nodes:
        assert len((node.func.__doc__ or "").strip()) > 20, node.name
        assert node.name == node.func.__name__ or node.name in node.func.__qualname__


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_needs_only_parameters_and_the_run(name):
    # Monitoring watches what the main job left: to play it anew every day would watch something else.
    left = PIPELINES["simulate"].all_outputs() if name == "monitor" else set()
    for free in PIPELINES[name].inputs():
        assert free.startswith("params:") or free == "mlflow_run_id" or free in left


@pytest.mark.parametrize("env", ["base", "test"])
def test_the_parameters_are_those_of_their_models(env):
    from armlift.commands.orchestration import OrchestrationParameters
    from armlift.pipelines import parameters
    from armlift.pipelines.monitoring.parameters import MonitoringParameters, RetrainingParameters
    from armlift.pipelines.reporting.parameters import ReportParameters
    from armlift.pipelines.tuning.parameters import TuningParameters

    given = config(env)["parameters"]
    models = {
        "data": parameters.DataParameters,
        "training": parameters.TrainingParameters,
        "world": parameters.WorldParameters,
        "simulation": parameters.SimulationParameters,
        "policies": parameters.PolicyParameters,
        "planning": parameters.PlanningParameters,
        "evaluation": parameters.EvaluationParameters,
        "tuning": TuningParameters,
        "monitoring": MonitoringParameters,
        "retraining": RetrainingParameters,
        "report": ReportParameters,
        "orchestration": OrchestrationParameters,
    }
    assert set(given) == set(models)
    for name, model in models.items():
        model.model_validate(given[name])


def test_the_main_job_is_the_issues():
    given = config("base")["parameters"]
    assert len(given["policies"]["play"]) == 9
    assert (given["simulation"]["replicates"], given["simulation"]["horizon"]) == (200, 20_000)
    assert (given["simulation"]["batch_size"], given["policies"]["floor"]) == (100, 0.05)
    assert (given["world"]["click_rate"], given["world"]["withheld_share"]) == (0.1, 0.1)


@pytest.mark.parametrize("env", ["base", "test"])
def test_a_runtime_parameter_changes_nothing_beside_it(env):
    before, after = config(env)["parameters"], config(env, world={"kind": "aa"})["parameters"]
    assert after["world"].pop("kind") == "aa"
    assert before["world"].pop("kind") == "movielens"
    assert after == before


def test_the_tests_conf_shrinks_the_job_and_keeps_its_arms_and_policies():
    base, tiny = config("base")["parameters"], config("test")["parameters"]
    assert list(tiny["training"]["recommenders"]) == list(base["training"]["recommenders"])
    assert list(tiny["policies"]["play"]) == list(base["policies"]["play"])
    assert tiny["simulation"]["horizon"] < base["simulation"]["horizon"]
    assert tiny["world"] == base["world"]
