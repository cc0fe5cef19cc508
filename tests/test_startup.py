import subprocess
import sys

import pytest

HEAVY = ("torch", "lightgbm", "sklearn", "surprise", "mlflow", "holoviews", "bokeh", "matplotlib", "requests")


def loaded_after(statements: str) -> set[str]:
    """Top-level modules of a fresh interpreter after some statements."""
    code = f"import sys\n{statements}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    "statements",
    [
        "from armlift.pipeline_registry import register_pipelines\nregister_pipelines()",
        "import armlift.settings",
        "import armlift.__main__",
    ],
    ids=["registry", "settings", "command"],
)
def test_starting_loads_no_heavy_library(statements):
    assert not loaded_after(statements) & set(HEAVY)


def test_the_probe_sees_a_library_that_is_loaded():
    assert "matplotlib" in loaded_after("import matplotlib")
