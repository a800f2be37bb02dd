"""Chapters 4.1 and 4.2 compare models on the same rows and with the same coupon: their defaults must not part."""

import ast
from pathlib import Path

import nbformat

_FOLDER = Path(__file__).parents[2] / "notebooks" / "4_retention"


def _defaults(name: str) -> dict[str, object]:
    cells = nbformat.read(_FOLDER / name, as_version=4).cells
    source = next(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
    return {node.target.id: ast.literal_eval(node.value) for node in ast.parse(source).body}


def test_what_42_takes_as_in_41_has_its_default():
    retention, sequence = _defaults("41_retention.ipynb"), _defaults("42_churn_sequence.ipynb")
    shared = retention.keys() & sequence.keys()
    assert {"holdout_days", "calibration_days", "margin_rate", "coupon_rate", "assumed_effect"} <= shared
    assert {name: sequence[name] for name in shared} == {name: retention[name] for name in shared}
