"""Walk through a proof text statement by statement, the same way for every family.

A proof is a tree of cases written flat. ``if L:`` opens a case, and ``false`` (the case cannot be), ``yes`` or
``no`` (in this case the question is true, or false) closes the innermost open one; from there on the negation
of L holds, since the case of L is dealt with. What the text proves is the answer on which all of its cases agree.
If what is known at the end of one case is a model of the premises in which the answer is yes, and at the end of
another a model in which it is no, the question is open, whatever else there is: the end of the text may be the
second of the two, and then no case that is still open needs an end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from entailbench.logic.formula import Formula, Model, holds
from entailbench.logic.proofs.check_text import Malformed, Statement, Token, statements
from entailbench.logic.proofs.proof import Checked
from entailbench.logic.puzzle import Reading
from entailbench.logic.truth import CONTRADICTION, UNKNOWN
from entailbench.records import ENTAILMENT

__all__ = ["Known", "Work", "check_cases", "check_facts", "check_two_models"]

Literal = TypeVar("Literal")
Self = TypeVar("Self", bound="Known")  # type: ignore[type-arg]


class Work:
    """How much checking is left, so that no text can keep a checker busy for long."""

    LIMIT = 3_000_000
    """Atoms looked at; about three seconds."""

    def __init__(self) -> None:
        self.left = self.LIMIT

    def spend(self, atoms: int) -> None:
        """Raises ``Malformed`` once the limit is passed."""
        self.left -= atoms
        if self.left < 0:
            raise Malformed("checking it would take too long")


class Known(ABC, Generic[Literal]):
    """What has been established at one point of a proof."""

    @abstractmethod
    def copy(self: Self) -> Self:
        """A copy that can be added to without changing this one."""

    @abstractmethod
    def add(self, literal: Literal) -> None:
        """Take a literal as true, with what is plain from it (transitivity, one thing at one place)."""

    @abstractmethod
    def negation(self, literal: Literal) -> Literal:
        """The opposite literal."""

    @abstractmethod
    def impossible(self, near: Literal | None) -> bool:
        """Whether what is known contradicts itself, one single premise, or one single group.

        Args:
            near: the literal that was added last: a hint as to where to look first.
        """

    @abstractmethod
    def answer(self) -> bool | None:
        """The question's answer as far as it can be seen from what is known."""

    def witness(self) -> bool | None:
        """The question's answer, if what is known is a model of all premises; None where it is not, or not plainly.

        Unlike every other answer it does not hang on how what is known came to be known.
        """
        return None

    @abstractmethod
    def supposition(self, found: tuple[Token, ...]) -> Literal:
        """The literal after ``if``. Raises ``Malformed``."""

    @abstractmethod
    def facts(self, found: tuple[Token, ...]) -> list[Literal]:
        """The literals of a statement; none for a trivial one like ``Ann = Ann``. Raises ``Malformed``."""

    def follows(self, literal: Literal) -> bool:
        """Whether a literal follows from what is known and one premise or one group."""
        otherwise = self.copy()
        opposite = self.negation(literal)
        otherwise.add(opposite)
        return otherwise.impossible(opposite)


def check_cases(known: Known[Literal], found: list[Token]) -> Checked:
    """What the statements prove.

    Raises:
        Malformed: a statement is not of the right form, or not justified; the message says which and why.
    """
    cases: list[tuple[Known[Literal], Literal]] = []
    answers: set[bool] = set()
    witnesses: set[bool | None] = set()
    last: str | None = None
    for statement in statements(found):
        words = statement.tokens
        if words and words[0].kind == "word" and words[0].value == "else":
            if last != "yes":
                raise Malformed(f"{statement}: 'else' may only follow a case that was answered")
            words = words[1:]
        if not words:
            raise Malformed(f"statement {statement.number} is empty")
        if words[0].kind == "word" and words[0].value == "if":
            if statement.separator != ":":
                raise Malformed(f"{statement}: a supposition is followed by ':'")
            literal = known.supposition(words[1:])
            cases.append((known, literal))
            known = known.copy()
            known.add(literal)
            last = "if"
            continue
        if statement.separator == ":":
            raise Malformed(f"{statement}: only a supposition is followed by ':'")
        if words[0].kind == "word" and words[0].value in ("false", "yes", "no"):
            last = _close(known, [literal for _, literal in cases], bool(answers), statement, words)
            if last == "yes":
                answers.add(words[0].value == "yes")
                witnesses.add(known.witness())
            if not statement.separator and witnesses >= {True, False}:
                return Checked(UNKNOWN, "")
            if not cases:
                if statement.separator:
                    raise Malformed(f"there is text after {words[0].value!r}")
                return _verdict(answers)
            known, literal = cases.pop()
            known.add(known.negation(literal))
            continue
        _add_facts(known, statement, words)
        last = "fact"
    if witnesses | {known.witness()} >= {True, False}:
        return Checked(UNKNOWN, "")
    if cases:
        raise Malformed("a case that begins with 'if' is not brought to an end")
    if not answers and known.impossible(None):
        raise Malformed("the premises contradict each other")
    answer = known.answer()
    if answer is None:
        raise Malformed("what was shown does not settle the question")
    return _verdict(answers | {answer})


def check_facts(known: Known[Literal], found: list[Token]) -> None:
    """Add what the statements say, without any cases.

    Raises:
        Malformed: a statement is not of the right form, or does not follow.
    """
    for statement in statements(found):
        if statement.separator == ":":
            raise Malformed(f"{statement}: there may be no case here")
        _add_facts(known, statement, statement.tokens)


def _add_facts(known: Known[Literal], statement: Statement, words: tuple[Token, ...]) -> None:
    if not words:
        raise Malformed(f"statement {statement.number} is empty")
    for literal in known.facts(words):
        if not known.follows(literal):
            raise Malformed(f"{statement}: does not follow from one premise and what was said before")
        known.add(literal)


def _close(
    known: Known[Literal], supposed: list[Literal], answered: bool, statement: Statement, words: tuple[Token, ...]
) -> str:
    if len(words) > 1:
        raise Malformed(f"{statement}: nothing may stand beside {words[0].value!r}")
    if words[0].value == "false":
        if not supposed and not answered:
            raise Malformed(f"{statement}: there is no case that could be false")
        if not known.impossible(supposed[-1] if supposed else None):
            raise Malformed(f"{statement}: the case contradicts no single premise")
        return "false"
    answer = known.answer()
    if answer is None or answer != (words[0].value == "yes"):
        raise Malformed(f"{statement}: the question is not answered so here")
    return "yes"


def _verdict(answers: set[bool]) -> Checked:
    if len(answers) != 1:
        raise Malformed("the cases answer the question differently")
    return Checked(ENTAILMENT if answers == {True} else CONTRADICTION, "")


def check_two_models(reading: Reading, formula: Formula, first: Model, second: Model) -> Checked:
    """An open question: two models that fit, and answer it differently.

    Raises:
        Malformed: they do not.
    """
    places = reading.signature.places
    for which, model in (("first", first), ("second", second)):
        for group in reading.signature.groups:
            if len({model[entity] for entity in group}) < len(group):
                raise Malformed(f"in the {which} of the two, two of a kind share a place")
        for number, premise in enumerate(reading.premises, 1):
            if not holds(premise.formula, model, places):
                raise Malformed(f"the {which} of the two contradicts premise {number}")
    if holds(formula, first, places) == holds(formula, second, places):
        raise Malformed("the two give the question the same answer")
    return Checked(UNKNOWN, "")
