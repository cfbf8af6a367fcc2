"""Check that a question about one row is open because what is said leaves it so: ``Ann > none; Bob > Cal; Ann ? Bob``.

Where everything that the premises say has been said in pairs, whoever is in neither order with another may stand on
either side of them. That they are in neither order is shown by naming everybody who comes after each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from entailbench.logic.formula import At, Before, Formula, Model
from entailbench.logic.proofs.check_order_known import NONE, Order, chain
from entailbench.logic.proofs.check_steps import check_facts, check_two_models
from entailbench.logic.proofs.check_text import Malformed, Token, statements
from entailbench.logic.proofs.proof import Checked
from entailbench.logic.puzzle import Reading

__all__ = ["UNRELATED", "check_open_order"]

UNRELATED = Token("sign", "?")

Walk = tuple[str, str]
"""(name, sign): everybody after (``>``), or before (``<``), somebody."""


def check_open_order(reading: Reading, formula: Formula, found: list[Token]) -> Checked:
    """What the tokens of a proof text that ends in ``A ? B`` prove.

    ``A ? B`` is accepted where each premise is true by what was said before it, and neither A before B nor B before A
    was. If the question is which of the two comes first, what stands between the last semicolons before it must name
    everybody after the one and everybody after the other; if it is whether A is at a place, everybody before and
    everybody after A. Then there are orders that differ in the answer; they are put together and tried.

    Raises:
        Malformed: it is not of this form, or not so.
    """
    before, (first, second) = _parted(found)
    known = Order(reading, formula)
    check_facts(known, before)
    if known.impossible(None):
        raise Malformed("the premises contradict each other")
    for number, premise in enumerate(reading.premises, 1):
        if known.value(premise.formula) is not True:
            raise Malformed(f"premise {number} says more than was said, so two orders must be given")
    a, b = known.index[first], known.index[second]
    if a == b or known.after[a] >> b & 1 or known.after[b] >> a & 1:
        raise Malformed(f"{first} and {second} are the same, or one stands before the other")
    match formula:
        case Before(x, y) if {x, y} == {first, second}:
            needed: set[Walk] = {(x, ">"), (y, ">")}
            orders = [_around(known, [a, b]), _around(known, [b, a])]
        case At(x, place) if x == first:
            needed = {(x, "<"), (x, ">")}
            orders = _at_places(known, a, known.from_front(place))
        case _:
            raise Malformed(f"{first} ? {second} does not answer what was asked")
    walked = {walk for section in _sections(before)[-2:] if (walk := _whole_walk(known, section)) is not None}
    for name, sign in needed - walked:
        side = "after" if sign == ">" else "before"
        raise Malformed(f"not everybody {side} {name} was named before {first} ? {second}")
    yes, no = (_places(known, order) for order in orders)
    return check_two_models(reading, formula, yes, no)


def _parted(found: list[Token]) -> tuple[list[Token], tuple[str, str]]:
    """What stands before the last statement, and the two whom that is about."""
    if found.count(UNRELATED) != 1 or [token.kind for token in found[-3:]] != ["name", "sign", "name"]:
        raise Malformed("'?' may only stand in 'A ? B', once, at the end")
    if found[-4:-3] != [Token("sign", ";")]:
        raise Malformed("'A ? B' must be preceded by ';'")
    return found[:-4], (found[-3].value, found[-1].value)


def _sections(found: Sequence[Token]) -> list[list[Token]]:
    sections: list[list[Token]] = [[]]
    for token in found:
        if token == Token("sign", ";"):
            sections.append([])
        else:
            sections[-1].append(token)
    return sections


def _whole_walk(known: Order, section: list[Token]) -> Walk | None:
    """The person whom all chains of a section lead away from, if they name everybody there; else None."""
    if len(section) < 3 or section[0].kind != "name":
        return None
    root, sign = section[0].value, section[1].value
    named: set[str] = set()
    for statement in statements(section):
        words = statement.tokens
        if len(words) < 3 or {word.value for word in words[1::2]} != {sign}:
            return None
        if words[2] != NONE:
            named.update(chain(words))
    person = known.index[root]
    there = (known.after if sign == ">" else known.before)[person]
    everybody = {name for name, number in known.index.items() if there >> number & 1}
    return (root, sign) if named - {root} == everybody else None


def _around(known: Order, middle: list[int]) -> list[int]:
    """An order that fits what is known, with some people, none of whom must be apart, side by side."""
    together = sum(1 << person for person in middle)
    later = 0
    for person in middle:
        later |= known.after[person]
    front = known.everybody & ~(later | together)
    return [*_sorted(known, front), *middle, *_sorted(known, later & ~together)]


def _at_places(known: Order, person: int, place: int) -> list[list[int]]:
    """An order with a person at a place, and one with that person at another place; both fit what is known."""
    before, after = known.before[person], known.after[person]
    free = list(_sorted(known, known.everybody & ~(before | after | 1 << person)))
    ahead = place - 1 - before.bit_count()
    if not 0 <= ahead <= len(free):
        raise Malformed("the place that is asked about cannot be")
    front, back = list(_sorted(known, before)), list(_sorted(known, after))

    def order(count: int) -> list[int]:
        # Nobody who is free comes before one of the front or after one of the back, or they would belong to them.
        return [*front, *free[:count], person, *_merged(known, free[count:], back)]

    return [order(ahead), order(ahead - 1 if ahead else 1)]


def _merged(known: Order, free: list[int], back: list[int]) -> Iterator[int]:
    return _sorted(known, sum(1 << person for person in (*free, *back)))


def _sorted(known: Order, people: int) -> Iterator[int]:
    """The people of a bit set in an order that fits."""
    while people:
        person = next(one for one in range(len(known.after)) if people >> one & 1 and not known.before[one] & people)
        yield person
        people &= ~(1 << person)


def _places(known: Order, order: Sequence[int]) -> Model:
    names = list(known.index)
    return {names[person]: place for place, person in enumerate(order, 1)}
