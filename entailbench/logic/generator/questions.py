"""Chooses which questions are asked about a puzzle, and has them proved."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from entailbench.logic import proofs
from entailbench.logic.formula import entities
from entailbench.logic.generator.balance import Balance
from entailbench.logic.generator.draft import Candidate, Draft, Worded
from entailbench.logic.generator.spec import Dials
from entailbench.logic.truth import UNKNOWN, Truth
from entailbench.logic.working import work

__all__ = ["Asked", "Asker"]

FORM_WEIGHTS = {"more": 3, "less": 3}
"""How often a form of question is asked; 1 where it is not named. Of superlatives, all that is contradicted is easy."""
SELF = "self"
"""Whether somebody is taller than themselves: always contradicted, by no premise."""
WIDE_WEIGHTS = {
    **{"more": 16, "less": 16, "most": 6, "least": 6, "second most": 4, "second least": 4, SELF: 3},
    **{"same": 4, "place": 8, "knight": 1, "knave": 1},
}
"""The same in wide wording."""
SLACK = 1.5
"""By how many questions an answer may be ahead of its share, for any one cue."""
PROOF_STEPS = 30_000
"""Steps of search after which the prover gives up; a question whose proof takes more is not asked."""
TRIES = 4
"""How many questions of one kind are tried for one of the right depth."""

Kind: TypeAlias = tuple[str, int, Truth]
"""(form, order, truth): what is balanced; see ``_order``."""


@dataclass(frozen=True)
class Asked:
    """A question that was chosen."""

    form: str
    text: str
    truth: Truth
    proof: proofs.Proof
    worked: str = ""
    """See ``entailbench.logic.working``; empty unless it was asked for."""

    @property
    def depth(self) -> int:
        """How many premises the proof needs; 0 for an open question."""
        return len(self.proof.premises)


class Asker:
    """Asks puzzle after puzzle, so that over all of them nothing that can be seen gives an answer away.

    Args:
        dials: the answers' shares, the depth of proofs, how many questions a puzzle is asked.
        rng: chance.
        worked: whether worked proofs are wanted, too.
    """

    def __init__(self, dials: Dials, rng: random.Random, worked: bool = False) -> None:
        self._dials = dials
        self._with_working = worked
        self._rng = rng
        self._balance = Balance(dials.shares)

    def ask(self, draft: Draft, worded: Worded) -> list[Asked]:
        """The questions of one puzzle: of the forms that lag behind, as far as answers keep to their shares.

        Raises:
            RuntimeError: the drawing and the prover disagree about a truth, which is a bug of one of them.
        """
        mentions = _first_mentions(worded)
        weights = WIDE_WEIGHTS if self._dials.wide else FORM_WEIGHTS
        kinds: dict[Kind, list[Candidate]] = {}
        for candidate in draft.candidates(self._rng):
            kinds.setdefault((candidate.form, _order(candidate, mentions), candidate.truth), []).append(candidate)
        cues = {kind: _cues(draft, worded, kind) for kind in kinds}
        decider = proofs.Decider(worded.reading)
        asked: list[Asked] = []
        matters: set[object] = set()
        while len(asked) < self._dials.questions:
            for kind, candidate, proof in self._chances(draft, kinds, cues, matters, decider, weights):
                form, truth = candidate.form, candidate.truth
                matters.add(candidate.matter)
                self._balance.count(cues[kind], truth, (form, (form, truth, candidate.steps)))
                text = draft.question(candidate, worded, self._rng)
                asked.append(Asked(form, text, truth, proof, self._worked(draft, candidate, worded, proof)))
                break
            else:
                break
        return asked

    def _worked(self, draft: Draft, candidate: Candidate, worded: Worded, proof: proofs.Proof) -> str:
        if not self._with_working:
            return ""
        return work(worded.reading, draft.asked(candidate), proofs.Proved(candidate.truth, proof))

    def _chances(
        self,
        draft: Draft,
        kinds: Mapping[Kind, list[Candidate]],
        cues: Mapping[Kind, list[object]],
        matters: set[object],
        decider: proofs.Decider,
        weights: Mapping[str, int],
    ) -> Iterator[tuple[Kind, Candidate, proofs.Proof]]:
        """Questions that may be asked next, the best first, each with its kind and its proof."""
        for form in self._balance.rarest({form for form, _, _ in kinds}, weights, self._rng):
            allowed = []
            for kind in kinds:
                if kind[0] == form and (ahead := self._balance.ahead(cues[kind], kind[2])) <= SLACK:
                    allowed.append((ahead, self._rng.random(), kind))
            for _, _, kind in sorted(allowed):
                fresh = [candidate for candidate in kinds[kind] if candidate.matter not in matters]
                self._rng.shuffle(fresh)
                fresh.sort(key=lambda candidate: self._balance.asked[candidate.form, candidate.truth, candidate.steps])
                for candidate in fresh[:TRIES]:
                    proof = self._proved(draft, candidate, decider)
                    if proof is not None:
                        yield kind, candidate, proof

    def _proved(self, draft: Draft, candidate: Candidate, decider: proofs.Decider) -> proofs.Proof | None:
        """The proof; None if it cannot be found soon, or is not as deep as it should be."""
        try:
            proved = decider.decide(draft.asked(candidate), PROOF_STEPS)
        except proofs.TooHard:
            return None
        if proved.truth != candidate.truth:
            raise RuntimeError(f"the drawing says {candidate}, the prover {proved}")
        least, most = self._dials.depth
        if candidate.truth == UNKNOWN or candidate.form == SELF or least <= len(proved.proof.premises) <= most:
            return proved.proof
        return None


def _cues(draft: Draft, worded: Worded, kind: Kind) -> list[object]:
    """What a guesser could go by who does not reason."""
    form, order, _ = kind
    if form == SELF:
        # Its answer is known and cannot be balanced; the others are to be balanced without it.
        return []
    return [
        ("form", form),
        ("people", draft.size),
        ("form and people", form, draft.size),
        ("form and order", form, order),
        ("premises", len(worded.reading.premises)),
        ("distractors", draft.distractors),
        ("relation", worded.relation),
    ]


def _first_mentions(worded: Worded) -> dict[str, int]:
    """Entity → how many others the premises name before it."""
    found: dict[str, int] = {}
    for premise in worded.reading.premises:
        text = premise.sentence.text
        for name in sorted(entities(premise.formula), key=lambda name: _place(name, text)):
            found.setdefault(name, len(found))
    return found


def _place(name: str, text: str) -> int:
    if len(name) > 1:
        return text.find(name)
    match = re.search(rf"\b{name}\b", text)
    return match.start() if match else -1


def _order(candidate: Candidate, mentions: Mapping[str, int]) -> int:
    """Of two: whether the puzzle names first whom the question names first. Of one: in which third of the names."""
    places = [mentions.get(name, len(mentions)) for name in candidate.about]
    if len(places) > 1:
        return int(places[0] > places[1])
    return 3 * places[0] // (len(mentions) + 1)
