import json
from pathlib import Path

import pytest
import yaml

from armlift.errors import BriefError
from armlift.experiments.brief import load_brief
from armlift.experiments.brief_file import read_document

SHIPPED = Path(__file__).parents[2] / "conf" / "base" / "briefs" / "product_page.yml"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("open.yml", "a: 1\nb: [1\nc: 2\n", "line 3, column 2"),
        ("tab.yml", "a:\n\tb: 1\n", "line 2, column 1"),
        ("twice.yml", "a: 1\nb: 2\na: 3\n", "line 3, column 1: `a` stands in line 1 already"),
        ("deep.yml", "a:\n  b: 1\n  b: 2\n", "line 3, column 3: `b` stands in line 2 already"),
        ("list_key.yml", "? [1, 2]\n: 3\n", "line 1, column 3: a key must be a name"),
        ("object.yml", "a: !!python/object/apply:os.getcwd []\n", "line 1"),
        ("empty.yml", "# nothing\n", "is empty"),
        ("list.yml", "- a\n", "is a list"),
        ("comma.json", '{"a": 1,\n "b": }', "line 2, column 7"),
        ("twice.json", '{"a": {"b": 1, "b": 2}}', "`b` stands twice"),
        ("control.yml", "a: \x07", "not allowed"),
    ],
)
def test_syntax_errors_tell_the_place(tmp_path, name, text, words):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(BriefError) as caught:
        read_document(path)
    assert words in str(caught.value)
    assert name in str(caught.value)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "latin.yml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(BriefError, match="not UTF-8"):
        read_document(tmp_path / "latin.yml")


def test_missing_file(tmp_path):
    with pytest.raises(BriefError, match=r"none\.yml.*\n.*No such file"):
        read_document(tmp_path / "none.yml")
    with pytest.raises(BriefError, match="cannot be opened"):
        read_document(tmp_path)


def test_faults_name_the_file(tmp_path):
    (tmp_path / "mine.yml").write_text("id: mine\n")
    with pytest.raises(BriefError, match=r"mine\.yml has \d+ faults:"):
        load_brief(tmp_path / "mine.yml")


def test_yaml_and_json_are_one_brief(tmp_path):
    document = yaml.safe_load(SHIPPED.read_text())
    (tmp_path / "brief.json").write_text("\ufeff" + json.dumps(document, indent="\t"), encoding="utf-8")
    (tmp_path / "sorted.yaml").write_text(yaml.safe_dump(document, sort_keys=True, default_flow_style=True))
    hashes = {
        load_brief(path).content_hash
        for path in (SHIPPED, tmp_path / "brief.json", str(tmp_path / "sorted.yaml"))
    }
    assert len(hashes) == 1
