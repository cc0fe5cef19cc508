import numpy as np
import pandas as pd
import pytest

from armlift.reporting.bars import bar_panel, box_panel

NAMES = ("random", "svd", "ease")


def element(panel, group):
    return next(each for each in panel if each.group == group).dframe()


def test_bars_begin_at_zero_and_write_their_values():
    panel = bar_panel(pd.Series({"ease": 0.12, "svd": 0.02}), NAMES, "NDCG", "larger is better", 2)
    bars, values = element(panel, "Bar"), element(panel, "Value")
    assert bars.set_index("name")["x1"].to_dict() == {"svd": 0.02, "ease": 0.12}
    assert (bars["x0"] == 0).all()
    assert values["text"].tolist() == [" –", " 0.02", " 0.12"]
    assert values["y0"].tolist() == [0, 1, 2]


def test_boxes_are_the_quartiles_and_hold_every_point():
    frame = pd.DataFrame({"name": ["svd"] * 5, "value": [0.9, 0.8, 0.85, 0.95, 0.7]})
    panel = box_panel(frame, NAMES, "RMSE", "smaller is better")
    box, whisker, median = (element(panel, group) for group in ("Box", "Bound", "Interval"))
    quartiles = np.quantile(frame["value"], [0, 0.25, 0.5, 0.75, 1])
    found = [whisker["x0"][0], box["x0"][0], median["x0"][0], box["x1"][0], whisker["x1"][0]]
    assert found == pytest.approx(quartiles)
    assert sorted(element(panel, "Fold")["x0"]) == sorted(frame["value"])
    assert element(panel, "Fold")["y0"].unique().tolist() == [1]
