"""Puzzles and questions put otherwise, each confirmed by reading it again and asking the solver."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from entailbench.logic.formula import Formula, normal, renamed
from entailbench.logic.judging.judge import DEFAULT_TIMEOUT, JudgedPuzzle, judge_puzzle
from entailbench.logic.language.conventions import PUZZTE
from entailbench.logic.perturbing.distracting import distracted
from entailbench.logic.perturbing.flipping import flipped
from entailbench.logic.perturbing.negating import negated
from entailbench.logic.perturbing.renaming import renamed_people
from entailbench.logic.perturbing.rewrite import CannotPerturb, Rewrite
from entailbench.logic.perturbing.shuffling import shuffled
from entailbench.logic.perturbing.theory import asked, read, same_premises, settled
from entailbench.logic.puzzle import Puzzle
from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.records import ENTAILMENT

__all__ = ["NEGATED", "REWRITES", "Perturbed", "perturb_puzzle"]

REWRITES: Mapping[str, Callable[[Puzzle, random.Random], Rewrite]] = {
    "shuffled": shuffled,
    "renamed": renamed_people,
    "flipped": flipped,
    "distracted": distracted,
}
"""The ways that leave the answer as it is."""
NEGATED = "negated"
OPPOSITE: Mapping[Truth, Truth] = {ENTAILMENT: CONTRADICTION, CONTRADICTION: ENTAILMENT, UNKNOWN: UNKNOWN}


@dataclass(frozen=True)
class Perturbed:
    """A question put otherwise, or why it was not."""

    perturbation: str
    context: str = ""
    question: str = ""
    truth: Truth | None = None
    """What the solver says of it."""
    refused: str = ""
    """Why there is none, as half a sentence; empty where there is one."""


def perturb_puzzle(
    context: str,
    questions: Sequence[str],
    seed: int = 0,
    ambiguity: float | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> list[tuple[Perturbed, ...]]:
    """Puts a puzzle and its questions otherwise: in every way of ``REWRITES``, and each question negated.

    What is returned is confirmed: the new text was read whole by the same grammar as the old one and states the same,
    names apart, and the solver gives the same answer to the new question as to the old (to a negated one the opposite).
    All questions share one text for each way.

    Args:
        context: the puzzle.
        questions: those to be put about it.
        seed: chooses order and names; the same gives the same.
        ambiguity: the stated share of open questions, in percent, see ``judge_puzzle``.
        timeout: seconds for each text, all of its questions together.

    Returns:
        For each question one entry for each way, in their order.
    """
    ways = (*REWRITES, NEGATED)
    judged = judge_puzzle(context, PUZZTE, ambiguity, timeout)
    puzzle = judged.puzzle
    if puzzle is None or puzzle.unread:
        reason = "the puzzle was not read" if puzzle is None else "a sentence of the puzzle was not read"
        return [tuple(Perturbed(way, refused=reason) for way in ways) for _ in questions]
    formulas = [asked(puzzle, question) for question in questions]
    truths = [settled(judged, formula) if formula is not None else None for formula in formulas]
    rewrites = {way: _confirmed_text(puzzle, way, seed, ambiguity, timeout) for way in REWRITES}
    found = []
    for question, formula, truth in zip(questions, formulas, truths, strict=True):
        if formula is None or truth is None:
            reason = "the question was not read" if formula is None else "the solver has no answer to it"
            found.append(tuple(Perturbed(way, refused=reason) for way in ways))
            continue
        original = _Original(puzzle, question, formula, truth)
        variants = [_variant(way, original, rewrite) for way, rewrite in rewrites.items()]
        found.append((*variants, _negation(original, judged)))
    return found


@dataclass(frozen=True)
class _Original:
    puzzle: Puzzle
    question: str
    formula: Formula
    truth: Truth


def _confirmed_text(
    puzzle: Puzzle, way: str, seed: int, ambiguity: float | None, timeout: float
) -> tuple[Rewrite, JudgedPuzzle] | str:
    """A rewrite that states the same and the puzzle that a solver can be asked about, or why there is none."""
    rng = random.Random(f"{seed} {way} {puzzle.text}")
    try:
        rewrite = REWRITES[way](puzzle, rng)
    except CannotPerturb as reason:
        return str(reason)
    judged = judge_puzzle(rewrite.context, PUZZTE, ambiguity, timeout)
    if not same_premises(puzzle, rewrite, judged.puzzle):
        return "the new text was not read as the old one"
    if rewrite.added and not _about_something_else(puzzle, rewrite.added):
        return "the irrelevant premise was not read as one"
    return rewrite, judged


def _about_something_else(puzzle: Puzzle, sentence: str) -> bool:
    """Whether a sentence, read by itself, compares something that the puzzle does not."""
    alone = read(sentence, "heights")
    return alone is not None and not alone.unread and alone.dimension not in ("", puzzle.dimension)


def _variant(way: str, original: _Original, rewrite: tuple[Rewrite, JudgedPuzzle] | str) -> Perturbed:
    if isinstance(rewrite, str):
        return Perturbed(way, refused=rewrite)
    made, judged = rewrite
    try:
        question = made.question(original.question)
    except CannotPerturb as reason:
        return Perturbed(way, refused=str(reason))
    formula = judged.puzzle and asked(judged.puzzle, question)
    wanted = renamed(original.formula, lambda name: made.names.get(name, name))
    if not formula or normal(formula) != normal(wanted):
        return Perturbed(way, refused="the new question was not read as the old one")
    truth = settled(judged, formula)
    if truth != original.truth:
        return Perturbed(way, refused="the solver did not confirm the answer")
    return Perturbed(way, made.context, question, truth)


def _negation(original: _Original, judged: JudgedPuzzle) -> Perturbed:
    try:
        question, formula = negated(original.puzzle, original.question)
    except CannotPerturb as reason:
        return Perturbed(NEGATED, refused=str(reason))
    truth = settled(judged, formula)
    if truth != OPPOSITE[original.truth]:
        return Perturbed(NEGATED, refused="the solver did not confirm the answer")
    return Perturbed(NEGATED, original.puzzle.text, question, truth)
