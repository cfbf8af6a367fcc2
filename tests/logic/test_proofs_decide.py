"""The provers against trying every model: truth, minimal premises, and proofs that the checker accepts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

import pytest
from random_readings import all_models, random_question, random_reading

from entailbench.logic.formula import Formula, Signature, holds, renamed
from entailbench.logic.proofs import Decider, Inconsistent, check, check_domains, decide, domain_tables
from entailbench.logic.puzzle import FAMILIES, Family, Premise, Reading
from entailbench.logic.truth import CONTRADICTION, UNKNOWN, Truth
from entailbench.records import ENTAILMENT

PUZZLES = [500, pytest.param(5_000, marks=pytest.mark.soak)]


@dataclass(frozen=True)
class Trial:
    """What every model says: which premises it breaks (a bit each), and whether the question is true in it."""

    outcomes: frozenset[tuple[int, bool]]

    @classmethod
    def of(cls, reading: Reading, formula: Formula) -> Trial:
        places = reading.signature.places
        return cls(
            frozenset(
                (
                    sum(
                        1 << number
                        for number, premise in enumerate(reading.premises)
                        if not holds(premise.formula, model, places)
                    ),
                    holds(formula, model, places),
                )
                for model in all_models(reading.signature)
            )
        )

    def truth(self, premises: Iterable[int]) -> Truth | None:
        """With only some premises; None where they contradict each other."""
        in_use = sum(1 << number for number in premises)
        answers = {answer for broken, answer in self.outcomes if not broken & in_use}
        if not answers:
            return None
        return UNKNOWN if len(answers) == 2 else ENTAILMENT if answers == {True} else CONTRADICTION


def puzzles(family: Family, count: int) -> Iterable[tuple[int, Reading, Formula]]:
    for seed in range(count):
        rng = Random(f"{family} {seed}")
        reading = random_reading(rng, family)
        yield seed, reading, random_question(rng, reading)


def only(reading: Reading, premises: Iterable[int]) -> Reading:
    return Reading(reading.name, reading.signature, tuple(reading.premises[number] for number in premises))


def outcome(reading: Reading, formula: Formula) -> tuple[Truth | None, tuple[int, ...], str]:
    """Truth, premises and text; of a puzzle that contradicts itself, the premises that do."""
    try:
        proved = decide(reading, formula)
    except Inconsistent as inconsistent:
        return None, inconsistent.premises, ""
    return proved.truth, proved.proof.premises, proved.proof.text


def verify(reading: Reading, formula: Formula) -> Truth | None:
    """Everything that is promised of one question; returns its truth."""
    trial = Trial.of(reading, formula)
    truth = trial.truth(range(len(reading.premises)))
    if truth is None:
        with pytest.raises(Inconsistent) as caught:
            decide(reading, formula)
        premises = caught.value.premises
    else:
        proved = decide(reading, formula)
        assert proved.truth == truth
        accepted = check(reading, formula, proved.proof.text)
        assert accepted.truth == truth, accepted.reason
        premises = proved.proof.premises
        if truth == UNKNOWN:
            assert premises == ()
            return truth
        from_those = check(only(reading, premises), formula, proved.proof.text)
        assert from_those.truth == truth, "the text uses premises that it does not name"
    assert trial.truth(premises) == truth
    assert list(premises) == sorted(set(premises))
    for premise in premises:
        assert trial.truth(set(premises) - {premise}) != truth, "a premise can be spared"
    return truth


@pytest.mark.parametrize("count", PUZZLES)
@pytest.mark.parametrize("family", FAMILIES)
def test_truth_proof_and_premises_are_those_of_exhaustive_trial(family: Family, count: int) -> None:
    seen: dict[Truth | None, int] = {}
    for seed, reading, formula in puzzles(family, count):
        try:
            truth = verify(reading, formula)
        except Exception as error:
            raise AssertionError(f"{family} puzzle {seed}: {formula} of {reading}: {error}") from error
        seen[truth] = seen.get(truth, 0) + 1
    assert set(seen) == {ENTAILMENT, CONTRADICTION, UNKNOWN, None}
    assert min(seen.values()) > count / 50, "the random puzzles are too one-sided to test much"


@pytest.mark.parametrize("family", ["knights", "zebra"])
def test_premises_too_large_for_a_table(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    # With the smallest possible limit, every premise is treated like one that is about a hundred people.
    monkeypatch.setattr(domain_tables, "LOCAL_CASES", 1)
    monkeypatch.setattr(check_domains, "LOCAL_CASES", 1)
    for _, reading, formula in puzzles(family, 400):
        verify(reading, formula)


def test_one_row_with_people_who_are_not_named() -> None:
    # Fewer people than places is no full order: such puzzles are grids of one group.
    for seed in range(300):
        rng = Random(seed)
        full = random_reading(rng, "heights")
        signature = Signature(groups=full.signature.groups, places=full.signature.places + 1)
        reading = Reading("", signature, full.premises)
        verify(reading, random_question(rng, reading))


@pytest.mark.parametrize("family", FAMILIES)
def test_renaming_changes_nothing_but_the_names(family: Family) -> None:
    for _, reading, formula in puzzles(family, 300):
        names = {name: f"N{number:02}" for number, name in enumerate(sorted(reading.signature.entities, reverse=True))}
        other = Reading(
            "",
            Signature(
                tuple(names[person] for person in reading.signature.people),
                tuple(tuple(names[entity] for entity in group) for group in reading.signature.groups),
                reading.signature.places,
            ),
            tuple(
                Premise(premise.sentence, renamed(premise.formula, names.__getitem__)) for premise in reading.premises
            ),
        )
        question = renamed(formula, names.__getitem__)
        truth, premises, text = outcome(reading, formula)
        for name, new in names.items():
            text = text.replace(name, new)
        assert outcome(other, question) == (truth, premises, text)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_order_of_premises_does_not_matter_to_the_truth(family: Family) -> None:
    for seed, reading, formula in puzzles(family, 300):
        premises = list(reading.premises)
        Random(seed).shuffle(premises)
        other = Reading("", reading.signature, tuple(premises))
        try:
            proved = decide(reading, formula)
        except Inconsistent:
            with pytest.raises(Inconsistent):
                decide(other, formula)
            continue
        shuffled = decide(other, formula)
        assert shuffled.truth == proved.truth
        assert check(reading, formula, shuffled.proof.text).truth == proved.truth, "the proof is as good in any order"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_decider_gives_the_same_proofs_as_single_calls(family: Family) -> None:
    for seed, reading, _ in puzzles(family, 40):
        rng = Random(seed)
        decider = Decider(reading)
        for _ in range(5):
            formula = random_question(rng, reading)
            try:
                alone = decide(reading, formula)
            except Inconsistent:
                break
            assert decider.decide(formula) == alone
