"""A report with one of everything that tables must cope with, its figures chosen so that they can be told apart."""

from __future__ import annotations

from typing import Any

from entailbench.findings import METRICS, Comparison, Estimate, ModelResult, Report, Slice, TaskResult
from entailbench.records import ModelIdentity

VERDICT = "lora beats base by 41.2 points of balanced accuracy (95% CI 36.0–46.1, p < 0.001, n = 250 on 84 puzzles)"
HOSTILE = "base (a|b_c <script>alert(1)</script> \x1b[31m \u202e 50% & more)"


def model(name: str, shift: float = 0.0, **changes: Any) -> ModelResult:
    """A model whose every metric differs from every other, in the first decimal of a percentage."""
    metrics = {
        metric.name: Estimate(0.3 + 0.01 * place + shift, 0.2 + 0.01 * place + shift, 0.4 + 0.01 * place + shift)
        for place, metric in enumerate(METRICS)
        if metric.name not in ("auroc", "brier", "ece")
    }
    told = {
        "name": name,
        "title": name,
        "rows": 250,
        "unparsed": 12,
        "metrics": metrics,
        "confusion": {
            "entailment": {"entailment": 51, "not entailment": 32, "unparsed": 7},
            "not entailment": {"entailment": 61, "not entailment": 94, "unparsed": 5},
        },
        "seconds": 12.345,
        "identity": ModelIdentity("hf", "sha256:abc", details={"device": "cpu"}),
    }
    return ModelResult(**{**told, **changes})


def made_up_report(**changes: Any) -> Report:
    """Two models, three baselines (one of them unavailable), a pair, slices, a reported line."""
    base = model(
        "base",
        title=HOSTILE,
        not_better_than=('always "not entailment"',),
        unparsed_examples=("I think `that` <b>it</b> (7 answers)",),
    )
    one_class = {**model("lora", 0.355).metrics, "entailment": Estimate(None, undefined="no row has this label")}
    lora = model("lora", 0.355, metrics=one_class, lineage={"losses": [[1, 2.5], [2, float("nan")]]})
    constant = model('always "not entailment"', 0.105, baseline=True, seconds=None, identity=None, unparsed=0)
    nearest = ModelResult(
        "nearest training puzzle", "nearest training puzzle", 250, 0, baseline=True, unavailable="no train split"
    )
    pair = Comparison(
        *("lora", "base", Estimate(0.412, 0.36, 0.461), "balanced"),
        *(0.0002, 0.0004, 0.0321, 130, 27, 0.083, 250, 84, VERDICT),
    )
    slices = tuple(
        Slice(
            "family",
            family,
            rows,
            40,
            {"base": Estimate(0.111, 0.1, 0.2), "lora": Estimate(0.222, 0.2, 0.3)},
            {"base": balanced, "lora": balanced},
        )
        for family, rows, balanced in (
            ("heights", 130, Estimate(0.616, 0.5, 0.7)),
            ("knights", 120, Estimate(None, undefined="no row is entailed")),
        )
    )
    deep = {"base": Estimate(0.333, 0.3, 0.4)}
    slices = (*slices, *(Slice("depth", str(depth), 9, 5, deep, deep) for depth in (1, 2)))
    reported = {"model": "their model", "rows": 500, "metrics": {"overall": 0.638}, "source": "A paper, table 1."}
    task = TaskResult(
        task="puzzles",
        split="test",
        title="puzzles · test split · 250 rows (90 entailment, 160 not entailment) · proved",
        rows=250,
        entailment_rows=90,
        puzzles=84,
        labels="proved",
        models=(base, lora),
        baselines=(constant, nearest),
        comparisons=(pair,),
        slices=slices,
        reported=(reported,),
    )
    told = {
        "directory": "/somewhere",
        "tasks": (task,),
        "identities": {"base": base.identity, "lora": lora.identity},
        "versions": {"python": "3.11"},
    }
    return Report(**{**told, **changes})
