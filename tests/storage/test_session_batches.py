"""Batches of simulated sessions in the log."""

import pytest
from live_log import DAY, NOON, decision, write

from armlift.storage.session_batches import batch_decisions


def _simulated(number, batch, **fields):
    context = f'{{"device":"mobile","session_batch":"{batch}"}}'
    return decision(number, context=context, **{"simulated": True, **fields})


def test_a_batch_has_its_own_decisions_in_order_over_midnight(database):
    mine = [_simulated(1, "night"), _simulated(3, "night", ts=NOON + DAY)]
    others = [
        _simulated(4, "night2"),
        _simulated(5, "night", experiment="shop"),
        _simulated(6, "night", simulated=False),
        decision(7, simulated=True, context='{"said":"night"}'),
    ]
    write(database, *others, *reversed(mine))
    assert batch_decisions(database, "films", "night") == mine
    assert batch_decisions(database, "films", "morning") == []
    assert [row.experiment_id for row in batch_decisions(database, "shop", "night")] == ["shop"]


@pytest.mark.parametrize("name", ["n%t", "n_ght"])
def test_names_are_no_patterns(database, name):
    write(database, _simulated(1, "night"))
    assert batch_decisions(database, "films", name) == []
