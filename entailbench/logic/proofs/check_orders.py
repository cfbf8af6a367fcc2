"""Check proofs about people in one row: ``Cal > Max > Zoe`` (see ``entailbench.logic.proofs``)."""

from __future__ import annotations

from entailbench.logic.formula import Formula
from entailbench.logic.proofs.check_order_known import Order, chain
from entailbench.logic.proofs.check_order_open import UNRELATED, check_open_order
from entailbench.logic.proofs.check_steps import check_cases, check_facts, check_two_models
from entailbench.logic.proofs.check_text import Malformed, Token
from entailbench.logic.proofs.proof import Checked
from entailbench.logic.puzzle import Reading

__all__ = ["check_order_proof"]

SEPARATORS = (Token("sign", ","), Token("sign", ";"))


def check_order_proof(reading: Reading, formula: Formula, found: list[Token]) -> Checked:
    """What the tokens of a proof text prove. Raises ``Malformed``."""
    ors = [place for place, token in enumerate(found) if token == Token("word", "or")]
    if UNRELATED in found:
        return check_open_order(reading, formula, found)
    if not ors:
        return check_cases(Order(reading, formula), found)
    if len(ors) > 1:
        raise Malformed("there is more than one 'or'")
    people = reading.signature.groups[0]
    # What is said before the first of the two orders must be so, too.
    begin = 1 + max((place for place in range(ors[0]) if found[place] in SEPARATORS), default=-1)
    if begin:
        check_facts(Order(reading, formula), found[: begin - 1])
    first, second = (_full_order(part, people) for part in (found[begin : ors[0]], found[ors[0] + 1 :]))
    return check_two_models(reading, formula, first, second)


def _full_order(found: list[Token], people: tuple[str, ...]) -> dict[str, int]:
    names = chain(found)
    if len(names) != len(people) or set(names) != set(people):
        raise Malformed("an order beside 'or' must name everybody once")
    return {name: place for place, name in enumerate(names, 1)}
