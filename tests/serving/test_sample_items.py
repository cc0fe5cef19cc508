from armlift.serving.sample_items import FILE, sample_items, write_sample_items


def test_the_kept_items_are_those_of_the_sample(tmp_path):
    write_sample_items(tmp_path / "items.csv")
    now = (tmp_path / "items.csv").read_text("utf-8")
    assert now == FILE.read_text("utf-8"), "run `python -m armlift.serving.sample_items`"


def test_they_are_read_as_they_were_written():
    items = sample_items()
    lines = FILE.read_text("utf-8").splitlines()[1:]
    for line, item_id, title, year, genres in zip(lines, *items, strict=True):
        assert line == f"{item_id},{title},{year},{'|'.join(genres)}"
