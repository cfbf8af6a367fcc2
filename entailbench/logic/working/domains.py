"""Worked proofs about knights and knaves: suppose what is asked, follow up each fact, try what is left open.

The text is written in the order in which it can be found, so that what comes next can be told from the puzzle and
what stands there already, and mostly from the fact that was written last:

1. What a statement forces by itself comes first: "Ann says that she and Bob are the same" makes Bob a knight.
2. The newest fact that was not followed up is: of the statements about its person, in the order of the text, each
   says whom else it forces, with all that is known. Commas stand between these facts, a semicolon after them. A fact
   that does not stand last in the text by then is repeated: ``Ann knight, Bob knave, Cal knight; Bob knave;`` follows
   up Cal, which leads to nothing, and then Bob.
3. Where a fact contradicts a statement, the case ends at once: ``false``. Then its opposite is the newest fact.
4. Where everybody is known, the case is a model, and ends in ``yes`` or ``no``.
5. Where all is followed up and somebody is not known, a case is supposed: first that the answer is yes, then that the
   first person who is not known, in the order of the statements, is a knight.

The text ends as soon as the question is answered for certain, or two models answer it differently. One model for each
answer is enough: another case ends as soon as it gives an answer that a model gave.
"""

from __future__ import annotations

from collections.abc import Iterable

from entailbench.logic.formula import Formula, Knight, Not, conjuncts, entities
from entailbench.logic.proofs import LIMIT, decide
from entailbench.logic.proofs.proof import Budget, TooHard
from entailbench.logic.proofs.scope import require_in_scope
from entailbench.logic.proofs.wording import trivial_text, written
from entailbench.logic.puzzle import Reading
from entailbench.logic.working.domain_statements import Known, Statement, statement

__all__ = ["work_domains"]


def work_domains(reading: Reading, formula: Formula, limit: int = LIMIT) -> str:
    """The worked proof of a question about knights and knaves; about a grid, the minimal one.

    Args:
        reading: of people alone, or of groups alone.
        formula: what is asked.
        limit: how many steps of search are allowed; each takes some microseconds.

    Raises:
        Inconsistent: no model fits the premises.
        TooHard: the search reached the limit.
        DataError: the question or a premise is about what does not exist.
    """
    if require_in_scope(reading, formula) != "knights":
        return decide(reading, formula, limit).proof.text
    island = _Island(reading, formula, limit)
    walk = _Walk(island)
    try:
        walk.everything()
        if not walk.witnesses and not island.consistent(Known(), range(len(island.names))):
            decide(reading, formula, limit)  # Raises Inconsistent, which names the premises that contradict each other.
            raise RuntimeError("a model was found by one search and not by another")
    except RecursionError:
        raise TooHard(limit) from None  # Cases nest too deeply.
    if walk.text:
        return walk.text
    value = island.question.value(Known())
    if value is None:
        raise RuntimeError("nothing was said of an open question")
    return trivial_text(formula, value)


class _Island:
    """The people, by number in the order of the statements, what is said, and what is asked."""

    def __init__(self, reading: Reading, formula: Formula, limit: int) -> None:
        parts = [part for premise in reading.premises for part in conjuncts(premise.formula)]
        named = dict.fromkeys(name for said in (*parts, formula) for name in entities(said))
        number = {name: person for person, name in enumerate(named)}
        self.names = [written(name) for name in named]
        self.statements = [statement(part, number) for part in parts]
        self.about: list[list[Statement]] = [[] for _ in named]
        for said in self.statements:
            for person in said.about:
                self.about[person].append(said)
        self.question = statement(formula, number)
        self.asked = _asked(formula, number)
        """What is supposed first of a person; knight, where nothing is."""
        self.everybody = (1 << len(named)) - 1
        self.budget = Budget(limit)

    def possible(self, known: Known, person: int) -> bool:
        """Whether no statement about a person contradicts what is known."""
        self.budget.spend(1 + len(self.about[person]))
        return all(said.possible(known) for said in self.about[person])

    def supposition(self, known: Known) -> tuple[int, bool]:
        """What is supposed next; somebody must not be known."""
        for person in self.question.about:
            if not known.who >> person & 1:
                return person, self.asked.get(person, True)
        unknown = self.everybody & ~known.who
        return (unknown & -unknown).bit_length() - 1, True

    def consistent(self, known: Known, pending: Iterable[int]) -> bool:
        """Whether some model fits the premises and what is known; ``pending`` is who was not followed up."""
        if not all(said.possible(known) for said in self.statements):
            return False
        pending = list(pending)
        while True:
            while pending:
                for said in self.about[pending.pop()]:
                    for person, knight in said.forced(known):
                        known = known.take(person, knight)
                        if not self.possible(known, person):
                            return False
                        pending.append(person)
            if known.who == self.everybody:
                return True
            person, knight = self.supposition(known)
            if self.possible(known.take(person, knight), person) and self.consistent(
                known.take(person, knight), [person]
            ):
                return True
            known = known.take(person, not knight)
            if not self.possible(known, person):
                return False
            pending = [person]


class _Walk:
    """One proof while it is written."""

    def __init__(self, island: _Island) -> None:
        self.island = island
        self.text = ""
        self.witnesses: set[bool] = set()
        """Answers that a model gives."""
        self._newest = -1
        """Whose fact stands last in the text; nobody's after the end of a case."""
        self._supposed = False
        """Whether a supposition stands last."""

    def everything(self) -> None:
        """Write the proof: nothing if it needs no premise, anything if the premises contradict each other."""
        known, pending = Known(), list[int]()
        if not all(said.possible(known) for said in self.island.statements):
            return
        if self.island.question.value(known) is not None:
            return
        for said in self.island.statements:
            for person, knight in said.forced(Known()):
                if known.who >> person & 1:
                    continue
                self._fact(person, knight, ", ")
                known = known.take(person, knight)
                pending.append(person)
                if self._ended(known, person, top=True) is not None:
                    return
        self._case(known, pending, top=True)

    def _case(self, known: Known, pending: list[int], top: bool = False) -> str:
        """Write one case to its end, and say how it ended.

        Args:
            known: at its beginning.
            pending: who of them was not followed up, the newest last.
            top: whether it is the whole proof, which ends without a word where the question is answered for certain.
        """
        while True:
            known, ended = self._follow_up(known, pending, top)
            if ended is not None:
                return ended
            person, knight = self.island.supposition(known)
            self._fact(person, knight, "; ", "if ")
            supposed = known.take(person, knight)
            within = self._ended(supposed, person) or self._case(supposed, [person])
            if len(self.witnesses) == 2:
                return within
            # The supposed case is dealt with, so the opposite holds in this one from here on.
            known, pending = known.take(person, not knight), [person]
            if self.island.question.value(known) not in self.witnesses:  # Else this case ends at once.
                self._fact(person, not knight, "; ", "" if within == "false" else "else ")
            ended = self._ended(known, person, top)
            if ended is not None:
                return ended

    def _follow_up(self, known: Known, pending: list[int], top: bool) -> tuple[Known, str | None]:
        """Write what the pending facts lead to, the newest first, until nothing is left or the case ends.

        Returns:
            What is known then, and how the case ended, if it did.
        """
        while pending:
            followed = pending.pop()
            if self._newest != followed:
                self._fact(followed, bool(known.knights >> followed & 1), "; ")
            separator = "; "
            for said in self.island.about[followed]:
                for person, knight in said.forced(known):
                    self._fact(person, knight, separator)
                    separator = ", "
                    known = known.take(person, knight)
                    pending.append(person)
                    ended = self._ended(known, person, top)
                    if ended is not None:
                        return known, ended
        return known, None

    def _ended(self, known: Known, newest: int, top: bool = False) -> str | None:
        """Write the end of a case, if the newest fact brings it, and say how it ended."""
        answer = self.island.question.value(known)
        if top and answer is not None and not self.witnesses:
            return ""
        if not self.island.possible(known, newest):
            return self._end("false")
        if answer is not None and known.who == self.island.everybody:
            self.witnesses.add(answer)
        if answer in self.witnesses:
            return self._end("yes" if answer else "no")
        return None

    def _fact(self, person: int, knight: bool, separator: str, before: str = "") -> None:
        kind = "knight" if knight else "knave"
        self._write(f"{before}{self.island.names[person]} {kind}", separator)
        self._newest, self._supposed = person, before == "if "

    def _end(self, word: str) -> str:
        self._write(word, "; " if self._newest < 0 else ", ")
        self._newest, self._supposed = -1, False
        return word

    def _write(self, words: str, separator: str) -> None:
        """Add to the text; after a supposition stands a colon, whatever the separator."""
        self.text += (": " if self._supposed else separator if self.text else "") + words


def _asked(formula: Formula, number: dict[str, int]) -> dict[int, bool]:
    """What a question asks of one person; nothing if it is not of that kind."""
    wanted = True
    while isinstance(formula, Not):
        formula, wanted = formula.part, not wanted
    return {number[formula.person]: wanted} if isinstance(formula, Knight) else {}
