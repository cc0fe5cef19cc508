from pathlib import Path

import pytest
from PIL import Image

from armlift.errors import TrackingError
from armlift.tracking import log_images, log_pages, log_summary


def artifact(store, run_id, path, folder):
    return Path(store.download_artifacts(run_id, path, str(folder)))


def test_images_and_pages_lie_under_figures_and_the_summary_on_top(store, run_id, tmp_path):
    log_images(run_id, {"regret": Image.new("RGB", (4, 3), "red")})
    log_pages(run_id, {"regret": "<p>Bedauern — regret</p>"})
    log_summary(run_id, "<h1>summary</h1>")
    assert [file.path for file in store.list_artifacts(run_id)] == ["figures", "summary.html"]
    with Image.open(artifact(store, run_id, "figures/regret.png", tmp_path)) as image:
        assert image.size == (4, 3)
    assert (
        artifact(store, run_id, "figures/regret.html", tmp_path).read_text("utf-8")
        == "<p>Bedauern — regret</p>"
    )
    assert artifact(store, run_id, "summary.html", tmp_path).read_text("utf-8") == "<h1>summary</h1>"


def test_an_artifact_folder_that_cannot_be_written_is_a_tracking_error(store, run_id, tmp_path):
    (tmp_path / "mlartifacts").write_text("a file in the folder's place")
    with pytest.raises(TrackingError, match="free space"):
        log_summary(run_id, "<h1>summary</h1>")
