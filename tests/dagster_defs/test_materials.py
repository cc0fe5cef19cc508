"""What Dagster shows of a data set, and the version it gives its content."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from dagster_defs.materials import PICTURE_WIDTH, TEXT_SHOWN, content_hash, kinds_of, shown


class FakeProject:
    """A project whose data sets are the files of a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name):
        return None if name == "elsewhere" else self.root / name


@pytest.fixture
def project(tmp_path):
    return FakeProject(tmp_path)


def test_a_table_shows_its_size_its_columns_and_its_first_rows(project):
    table = pd.DataFrame({"title": ["A|B", "C\nD", None, "E", "F", "G"], "share": [1 / 3] * 6})
    table.to_parquet(project.path("t.parquet"))
    about = shown(project, "t.parquet")
    assert about["dagster/row_count"] == 6
    assert about["files"] == 1
    assert about["bytes"] == project.path("t.parquet").stat().st_size
    lines = about["preview"].value.splitlines()
    assert lines[:4] == ["| title | share |", "| --- | --- |", "| A\\|B | 0.3333 |", "| C D | 0.3333 |"]
    assert len(lines) == 7


def test_an_empty_table_is_shown_too(project):
    pd.DataFrame({"x": []}).to_parquet(project.path("t.parquet"))
    assert shown(project, "t.parquet")["preview"].value == "| x |\n| --- |"


def test_a_folder_of_pictures_shows_its_first_one_made_small(project):
    project.path("figures").mkdir()
    for name, size in (("b.png", (10, 10)), ("a.png", (2000, 1000))):
        Image.new("RGB", size, "red").save(project.path("figures") / name)
    text = shown(project, "figures")["preview"].value
    assert text.startswith("![a](data:image/png;base64,")
    with Image.open(BytesIO(b64decode(text.partition("base64,")[2][:-1]))) as image:
        assert image.size == (PICTURE_WIDTH, PICTURE_WIDTH // 2)


def test_a_long_text_is_cut(project):
    project.path("record.json").write_text("x" * 10_000)
    assert len(shown(project, "record.json")["preview"].value) < TEXT_SHOWN + 20


@pytest.mark.parametrize("name", ["missing.parquet", "elsewhere"])
def test_what_is_not_there_shows_nothing(project, name):
    assert shown(project, name) == {}
    assert content_hash(project, name) == "0" * 16


def test_equal_content_has_an_equal_version(project):
    project.path("a.txt").write_text("one")
    first = content_hash(project, "a.txt")
    project.path("a.txt").write_text("two")
    second = content_hash(project, "a.txt")
    project.path("a.txt").write_text("one")
    assert first == content_hash(project, "a.txt") != second


def test_the_version_of_a_folder_is_that_of_its_files(project):
    folder = project.path("models")
    folder.mkdir()
    (folder / "a").write_text("1")
    before = content_hash(project, "models")
    (folder / ".writing").write_text("2")
    assert content_hash(project, "models") == before
    (folder / "a").rename(folder / "b")
    assert content_hash(project, "models") != before


def test_of_numbered_versions_the_newest_counts_but_not_when_it_was_written(project):
    for number, (content, when) in enumerate([("old", "1"), ("new", "2"), ("new", "3")], start=8):
        folder = project.path("slates") / f"{number:08}"
        folder.mkdir(parents=True)
        (folder / "slates.parquet").write_text(content)
        (folder / "manifest.json").write_text(when)
        if number == 8:
            old = content_hash(project, "slates")
        elif number == 9:
            new = content_hash(project, "slates")
    assert old != new == content_hash(project, "slates")
    assert shown(project, "slates")["files"] == 1


def test_ids_that_bokeh_makes_up_are_no_content(project):
    page = '<div id="{}" data-root-id="{}">{}</div>'
    project.path("p.html").write_text(page.format("0f1e2d3c-0000-4000-8000-00000000000a", "p1002", "chart"))
    first = content_hash(project, "p.html")
    project.path("p.html").write_text(page.format("ffffffff-1111-4111-9111-11111111111b", "p2764", "chart"))
    assert content_hash(project, "p.html") == first
    project.path("p.html").write_text(page.format("ffffffff-1111-4111-9111-11111111111b", "p2764", "other"))
    assert content_hash(project, "p.html") != first


@pytest.mark.parametrize(
    ("entry", "kinds"),
    [
        ({"filepath": "data/a.parquet"}, {"parquet"}),
        ({"filepath": "data/a.pkl"}, {"pickle"}),
        ({"path": "data/figures", "filename_suffix": ".png"}, {"png"}),
        ({"filepath": "data/models/recommenders"}, {"folder"}),
    ],
)
def test_kinds(entry, kinds):
    assert kinds_of(entry) == kinds
