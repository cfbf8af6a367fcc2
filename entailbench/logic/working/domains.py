"""Worked proofs about knights and knaves: suppose what is asked, follow what is forced, one statement at a time.

The text is written in the order in which it can be found, so that what comes next depends on the puzzle and on what
stands already there:

1. Where what is known contradicts a statement, the case ends: ``false``.
2. Else the first statement, in the order of the text, that forces somebody who is not known yet: each whom it forces.
3. Else, where nobody is left whom a statement is about, the case is a model: ``yes`` or ``no``.
4. Else a case is supposed: first the answer yes, then that the first who is not known is a knight.

The text ends as soon as the question is answered for certain, or two models answer it differently. A case that was
a model is not needed a second time: as soon as its answer is known in another case, that ends too.
"""

from __future__ import annotations

from collections.abc import Sequence

from entailbench.logic.formula import Formula, Knight, Not, conjuncts, entities
from entailbench.logic.proofs import LIMIT, decide
from entailbench.logic.proofs.proof import Budget
from entailbench.logic.proofs.scope import require_in_scope
from entailbench.logic.proofs.wording import Line, text_of, trivial_text, written
from entailbench.logic.puzzle import Reading
from entailbench.logic.working.domain_statements import Known, statement

__all__ = ["work_domains"]


def work_domains(reading: Reading, formula: Formula, limit: int = LIMIT) -> str:
    """The worked proof of a question about knights and knaves.

    Args:
        reading: of people alone.
        formula: what is asked.
        limit: how many steps of search are allowed.

    Raises:
        Inconsistent: no model fits the premises.
        TooHard: the search reached the limit.
        DataError: the question or a premise is about what does not exist.
    """
    require_in_scope(reading, formula)
    walk = _Walk(reading, formula, limit)
    start = Known()
    walk.case(start, top=True)
    if not walk.witnesses and not walk.consistent(start):
        decide(reading, formula, limit)
        raise RuntimeError("a model was found by one search and not by another")
    if not walk.lines:
        value = walk.question.value(start)
        if value is None:
            raise RuntimeError("nothing was said of an open question")
        return trivial_text(formula, value)
    return text_of(walk.lines)


class _Walk:
    """One proof while it is written."""

    def __init__(self, reading: Reading, formula: Formula, limit: int) -> None:
        parts = [part for premise in reading.premises for part in conjuncts(premise.formula)]
        named = dict.fromkeys(name for said in (*parts, formula) for name in entities(said))
        number = {name: person for person, name in enumerate(named)}
        self.names = [written(name) for name in named]
        self.statements = [statement(part, number) for part in parts]
        self.question = statement(formula, number)
        self.mentioned = (1 << len(named)) - 1
        self.budget = Budget(limit)
        self.supposed = _asked(formula, number)
        """What is supposed first of a person; knight, where nothing is."""
        self.lines: list[Line] = []
        self.witnesses: set[bool] = set()
        """Answers that a model gives."""

    def case(self, known: Known, top: bool = False) -> str:
        """Write one case to its end.

        Args:
            known: at its beginning.
            top: whether it is the whole proof, which ends without a word where it answers the question for certain.

        Returns:
            how it ended: ``false``, ``yes`` or ``no``; empty where the end goes without saying.
        """
        while True:
            self.budget.spend()
            answer = self.question.value(known)
            if top and answer is not None and not self.witnesses:
                return ""
            if not self._possible(known):
                return self._end("false")
            if answer is not None and answer in self.witnesses:
                return self._end(_word(answer))
            forced = self._forced(known)
            for person, knight in forced:
                self._fact(person, knight)
                known = known.take(person, knight)
                if not self._possible(known):
                    break
            if forced:
                continue
            if known.who == self.mentioned:
                if answer is None:
                    raise RuntimeError("everybody is known, and the question is open")
                self.witnesses.add(answer)
                return self._end(_word(answer))
            person, knight = self._supposition(known)
            self.lines.append(Line("if", self._literal(person, knight)))
            ended = self.case(known.take(person, knight))
            if len(self.witnesses) == 2:
                return ended
            known = known.take(person, not knight)
            if self.question.value(known) not in self.witnesses:
                self._fact(person, not knight, otherwise=ended != "false")

    def consistent(self, known: Known) -> bool:
        """Whether some model fits the premises and what is known."""
        while True:
            self.budget.spend()
            if not self._possible(known):
                return False
            forced = self._forced(known)
            for person, knight in forced:
                known = known.take(person, knight)
            if forced:
                continue
            if known.who == self.mentioned:
                return True
            person, knight = self._supposition(known)
            if self.consistent(known.take(person, knight)):
                return True
            known = known.take(person, not knight)

    def _possible(self, known: Known) -> bool:
        return all(said.possible(known) for said in self.statements)

    def _forced(self, known: Known) -> Sequence[tuple[int, bool]]:
        """Whom the first statement that forces anybody forces, in its order."""
        return next((forced for said in self.statements if (forced := said.forced(known))), ())

    def _supposition(self, known: Known) -> tuple[int, bool]:
        """What is supposed next, where somebody is not known."""
        for person in self.question.about:
            if not known.who >> person & 1:
                return person, self.supposed.get(person, True)
        open_people = self.mentioned & ~known.who
        return (open_people & -open_people).bit_length() - 1, True

    def _end(self, word: str) -> str:
        self.lines.append(Line("end", word))
        return word

    def _fact(self, person: int, knight: bool, otherwise: bool = False) -> None:
        self.lines.append(Line("fact", self._literal(person, knight), otherwise))

    def _literal(self, person: int, knight: bool) -> str:
        return f"{self.names[person]} {'knight' if knight else 'knave'}"


def _word(answer: bool) -> str:
    return "yes" if answer else "no"


def _asked(formula: Formula, number: dict[str, int]) -> dict[int, bool]:
    """What a question asks of one person; nothing if it is not of that kind."""
    wanted = True
    while isinstance(formula, Not):
        formula, wanted = formula.part, not wanted
    return {number[formula.person]: wanted} if isinstance(formula, Knight) else {}
