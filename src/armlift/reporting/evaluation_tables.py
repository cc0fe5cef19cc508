"""Tables of an evaluation as text: cells of the page, and the closing table of a terminal."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import pandas as pd

from armlift.evaluation.results import direction
from armlift.reporting.evaluation_results import (
    POPULARITY,
    EvaluationFacts,
    best_first,
    figure,
    metric_label,
    paired_tests,
)
from armlift.reporting.verdict import Verdict

_WIDTH = 100


@dataclass(frozen=True)
class ModelRow:
    """One line of the table of recommenders, as text.

    Attributes:
        model: Name.
        cells: One text for each column, and whether it is the best of it.
    """

    model: str
    cells: tuple[tuple[str, bool], ...]


def shown_metrics(table: pd.DataFrame, facts: EvaluationFacts) -> list[str]:
    """Metrics of the table of recommenders, those of which there are values: accuracy of ratings first."""
    wanted = [
        "rmse", "mae", "auc", "log_loss", facts.ndcg, facts.sampled_ndcg, f"hit_rate@{facts.k}",
        f"recall@{facts.k}", f"coverage@{facts.k}", f"novelty@{facts.k}",
    ]  # fmt: skip
    return [name for name in wanted if name in table and table[name].notna().any()]


def model_rows(table: pd.DataFrame, facts: EvaluationFacts) -> list[ModelRow]:
    """The recommenders, best ranking first.

    Args:
        table: Values by model and metric.
        facts: Set-up of the evaluation.
    """
    shown = shown_metrics(table, facts)
    best = {metric: best_first(table[metric], metric).iloc[0] for metric in shown}
    return [
        ModelRow(
            str(model),
            tuple(
                (
                    figure(table.loc[model, each]),
                    bool(direction(each)) and table.loc[model, each] == best[each],
                )
                for each in shown
            ),
        )
        for model in best_first(table[facts.ndcg], facts.ndcg).index
    ]


def verdict_rows(tests: pd.DataFrame, order: list[str]) -> list[ModelRow]:
    """What the paired tests say of each recommender (row) against each other one (column).

    Args:
        tests: From `paired_tests`.
        order: Recommenders in the order of rows and columns.
    """
    verdicts = tests.set_index(["model", "other"])["verdict"].to_dict()
    return [
        ModelRow(model, tuple((verdicts.get((model, other), ""), False) for other in order))
        for model in order
    ]


def closing_words(
    table: pd.DataFrame, model_comparison: pd.DataFrame, verdict: Verdict, facts: EvaluationFacts
) -> str:
    """Write the result as plain text of at most 100 columns, best ranking first.

    Args:
        table: Values by model and metric.
        model_comparison: The table `model_comparison`.
        verdict: The verdict.
        facts: Set-up of the evaluation.

    Returns:
        The table with what the paired test says against popularity, an empty line and the verdict in words.
    """
    shown = shown_metrics(table, facts)[:7]
    tests = paired_tests(model_comparison, facts.ndcg)
    against = tests[tests["other"] == POPULARITY]
    verdicts = dict(zip(against["model"], against["verdict"], strict=True))
    rows = [
        ("recommender", *(metric_label(each).replace(", sampled", " s.") for each in shown), "vs popularity")
    ]
    rows += [
        (row.model, *(text for text, _ in row.cells[: len(shown)]), verdicts.get(row.model, "-"))
        for row in model_rows(table, facts)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
    words = [textwrap.fill(text, _WIDTH) for text in (verdict.headline, *verdict.findings)]
    text = "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *words])
    return text.translate({0x2212: "-", 0x2013: "-", 0x00A0: " ", 0x201C: '"', 0x201D: '"'})
