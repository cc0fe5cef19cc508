"""The project's conf in a folder of its own, as Dagster sees it, in the tests' tiny world."""

import sys
import warnings

import dagster as dg
import mlflow
import pytest
from alarm_catcher import catcher  # noqa: F401 - a fixture
from integration.conftest import Project

from dagster_defs import schedules
from dagster_defs.checks import kedro_checks
from dagster_defs.kedro_assets import KedroParameters, kedro_assets, kedro_jobs
from dagster_defs.project import KedroProject

MONITORING = dg.define_asset_job("monitoring_group", dg.AssetSelection.groups("monitoring"))
"""What materialising a whole group is; this one's nodes are in no one pipeline together."""


class DagsterProject:
    """A Kedro project in the tiny world, whose assets are materialised in this process."""

    def __init__(self, root, instance):
        self.files = Project(root)
        self.kedro = KedroProject(root, "test")
        self.instance = instance
        self.definitions = dg.Definitions(
            assets=kedro_assets(self.kedro),
            asset_checks=kedro_checks(self.kedro),
            jobs=[*kedro_jobs(self.kedro), schedules.retrain_check, MONITORING],
            resources={"kedro": KedroParameters.configure_at_launch()},
            executor=dg.in_process_executor,
        )

    def materialise(self, job, *assets, **parameters):
        data = {"source": "ml-latest-small", "path": str(self.files.ratings_files)}
        parameters = {"data": data, **parameters}
        with warnings.catch_warnings():
            # MLflow hooks into imports the old way; of that, Python itself shows no warning either.
            warnings.simplefilter("ignore", ImportWarning)
            warnings.filterwarnings("ignore", "the load_module", DeprecationWarning)
            return self.definitions.resolve_job_def(job).execute_in_process(
                run_config={"resources": {"kedro": {"config": {"parameters": parameters}}}},
                instance=self.instance,
                asset_selection=[dg.AssetKey(name) for name in assets] or None,
                raise_on_error=False,
            )


@pytest.fixture(scope="session")
def dagster_project(tmp_path_factory, template):
    root = tmp_path_factory.mktemp("dagster") / "armlift"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("DO_NOT_TRACK", "true")
        patch.setenv("PYTHONPATH", "")
        patch.setattr(sys, "excepthook", sys.excepthook)
        patch.setattr(sys, "path", list(sys.path))
        (root / "mlflow.db").write_bytes(template.read_bytes())
        yield DagsterProject(root, instance)
        mlflow.set_tracking_uri(None)
