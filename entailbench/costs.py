"""What a run will cost, told before it, and whether a budget can bound that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from entailbench import harness
from entailbench.contracts import Backend, ResolvedModel
from entailbench.errors import RunError
from entailbench.records import CostEstimate, Prompt

__all__ = ["TaskCost", "budget_problems", "cost_facts", "cost_lines", "estimate_costs", "money"]


@dataclass(frozen=True)
class TaskCost:
    """What one model will take for one task."""

    model: str
    task: str
    rows: int
    estimate: CostEstimate | None
    """Of what is yet to be asked; None where answering costs nothing but time."""
    known: int = 0
    """Of the requests, those whose answers are there already: of an earlier start of the run, or in the cache."""


Unasked = Callable[[ResolvedModel, harness.LoadedTask, int | None], Sequence[Prompt] | None]
"""See ``unasked.unasked``."""


def estimate_costs(
    models: Sequence[ResolvedModel],
    tasks: Sequence[tuple[harness.LoadedTask, int | None]],
    unasked: Unasked = lambda model, task, limit: None,
) -> tuple[TaskCost, ...]:
    """Asks the backends, which send nothing for it.

    Args:
        models: whose own checks found nothing.
        tasks: each with how many of its rows are asked; None is all.
        unasked: what of it is left to ask; None is all.
    """
    paid = [model for model in models if type(model.backend).estimate is not Backend.estimate]
    found = []
    for task, limit in tasks:
        decoding = task.outline(limit).decoding
        # Only for whom it matters: building the prompts of a large task takes a while.
        conversations = harness.conversations_of(task, limit) if paid and decoding else ()
        for model in models:
            estimate, known = None, 0
            if model in paid and decoding:
                rest = unasked(model, task, limit)
                asked = conversations if rest is None else [prompt.messages for prompt in rest]
                known = len(conversations) - len(asked)
                estimate = model.backend.estimate(model.options, model.context, asked, decoding)
            found.append(TaskCost(model.spec.name, task.name, len(task.docs[:limit]), estimate, known))
    return tuple(found)


def budget_problems(costs: Sequence[TaskCost]) -> list[str]:
    """Why a budget could not be kept: one sentence for each model that is paid and without a price."""
    without = {cost.model: cost.estimate for cost in costs if cost.estimate and cost.estimate.dollars_most is None}
    return [
        f"model {name!r}: --budget cannot bound what it costs: {estimate.price if estimate else ''}"
        for name, estimate in without.items()
    ]


def cost_lines(costs: Sequence[TaskCost], budget: float | None) -> Iterator[str]:
    """The same for people, a line or two for each model and task, and the sum."""
    for cost in costs:
        name = f"{cost.model} · {cost.task}"
        if cost.estimate is None:
            yield f"{name}: {cost.rows:,} rows, which cost nothing but time"
        else:
            if cost.known:
                yield f"{name}: {cost.known:,} answers are there already and are not asked again"
            yield f"{name}: {_told(cost.estimate)}"
            yield f"  {_dollars(cost.estimate)} ({cost.estimate.price})"
    paid = [cost.estimate for cost in costs if cost.estimate]
    about, most = _sum(paid)
    if len(paid) > 1 and about is not None and most is not None:
        yield f"together about {money(about)}, never more than {money(most)} without repeated requests"
    if budget is not None and paid:
        yield _against(budget, about, most)


def cost_facts(costs: Sequence[TaskCost], budget: float | None) -> dict[str, Any]:
    """The same as plain figures, for ``--json``."""
    about, most = _sum([cost.estimate for cost in costs if cost.estimate])
    return {"tasks": list(costs), "dollars": about, "dollars_most": most, "budget": budget}


def money(dollars: float) -> str:
    """``"$0.0042"``, ``"$12.30"``: with cents, and more digits only where there are no cents to speak of."""
    return f"${dollars:,.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"


def _told(estimate: CostEstimate) -> str:
    return (
        f"{estimate.requests:,} requests with about {estimate.input_tokens:,} tokens (never more than "
        f"{estimate.input_most:,}), at most {estimate.output_most:,} tokens in answers"
    )


def _dollars(estimate: CostEstimate) -> str:
    if estimate.dollars is None or estimate.dollars_most is None:
        return "cost unknown"
    return f"about {money(estimate.dollars)}, never more than {money(estimate.dollars_most)}"


def _sum(estimates: Sequence[CostEstimate]) -> tuple[float | None, float | None]:
    """Dollars about and at most; None where one of them is not known."""
    about = [one.dollars for one in estimates if one.dollars is not None]
    most = [one.dollars_most for one in estimates if one.dollars_most is not None]
    if len(about) < len(estimates) or len(most) < len(estimates):
        return None, None
    return sum(about), sum(most)


def _against(budget: float, about: float | None, most: float | None) -> str:
    if about is None or most is None:
        raise RunError("a budget was taken that cannot be kept")  # refused before
    if most <= budget:
        return f"the budget of {money(budget)} is enough"
    if about <= budget:
        return f"the budget of {money(budget)} is probably enough; if not, the run stops before it is exceeded"
    return f"the budget of {money(budget)} is probably too small: the run stops before it is exceeded"
