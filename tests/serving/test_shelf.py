import json
import logging

import pandas as pd
import pytest

from armlift.serving.shelf import Shelf
from armlift.storage import NEW_USER, ServedModel, write_slates

ITEMS = pd.DataFrame(
    {
        "item_id": [3, 1, 2],
        "title": ["C", "A", "B"],
        "year": [1999, None, 2001],
        "genres": ["Drama|War", "", "War"],
    }
)


def publish(folder, of_seven=(1, 2), of_strangers=(3, 1), arm="svd"):
    rows = [
        (arm, user, position, item)
        for user, slate in ((7, of_seven), (NEW_USER, of_strangers))
        for position, item in enumerate(slate)
    ]
    table = pd.DataFrame(rows, columns=["arm", "user_id", "position", "item_id"])
    write_slates(folder, table, ITEMS, {arm: ServedModel(arm, 1)})


def test_known_users_get_theirs_and_others_what_new_users_see(tmp_path):
    publish(tmp_path)
    shelf = Shelf(tmp_path)
    slate = shelf.slate("svd", "7")
    assert (slate.item_ids, slate.source) == ((1, 2), "version 1")
    assert json.loads(bytes(slate.items)) == [
        {"item_id": 1, "title": "A", "year": None, "genres": []},
        {"item_id": 2, "title": "B", "year": 2001, "genres": ["War"]},
    ]
    for stranger in ("8", "ada", "-1", "9" * 40):
        assert shelf.slate("svd", stranger).item_ids == (3, 1)


def test_an_arm_without_slates_is_served_the_popular_list_and_says_so(tmp_path):
    publish(tmp_path)
    slate = Shelf(tmp_path).slate("lightgbm", "7")
    assert (slate.item_ids, slate.source) == ((3, 1), "popular")


def test_a_new_version_is_taken_while_serving(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    publish(tmp_path)
    shelf = Shelf(tmp_path)
    assert not shelf.refresh()
    publish(tmp_path, of_seven=(2, 3))
    assert shelf.refresh()
    assert (shelf.slate("svd", "7").item_ids, shelf.slate("svd", "7").source) == ((2, 3), "version 2")
    assert [record.message.split(" of ")[0] for record in caplog.records] == ["serving slates version 2"]


def test_without_slates_it_is_the_samples_popular_list(tmp_path):
    shelf = Shelf(tmp_path)
    assert "make simulate" in shelf.source
    slate = shelf.slate("svd", "7")
    assert (len(slate.item_ids), slate.source) == (10, "popular")
    assert shelf.item(slate.item_ids[0]).title == json.loads(bytes(slate.items))[0]["title"]
    assert [item.item_id for item in shelf.by_popularity()][:10] == list(slate.item_ids)


@pytest.mark.parametrize("item", [0, 10**12])
def test_an_unknown_item_is_none(tmp_path, item):
    publish(tmp_path)
    assert Shelf(tmp_path).item(item) is None
