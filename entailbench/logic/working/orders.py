"""Worked proofs about people in one row (see ``entailbench.logic.working``).

    Ann > Bob > Dan, Cem > Bob; Ann > Bob > Dan; Cem > Bob > Dan; Ann ? Cem

First what each premise says, in the order of the text, and what follows from those that say nothing outright
("between"). Then, for "is Ann before Cem": who comes after Ann, walking along those pairs until Cem is met (yes); who
comes after Cem, until Ann is met (no); else the two may stand either way. "Is Ann the first" walks towards the front,
too (``Ann < Eve``), and where that settles nothing, somebody whom neither walk met may stand on either side of her.
Where premises say more than pairs can ("the second"), two orders are given. Every choice is made by what stands
further to the left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise, permutations

from entailbench.logic.formula import At, Before, Formula, Not, conjuncts, entities, holds
from entailbench.logic.proofs import LIMIT, Proved
from entailbench.logic.proofs.order_cases import OrderCase, Said
from entailbench.logic.proofs.order_relation import OrderRelation, Pair
from entailbench.logic.proofs.proof import Budget
from entailbench.logic.proofs.wording import written
from entailbench.logic.puzzle import Reading
from entailbench.logic.truth import UNKNOWN

__all__ = ["work_orders"]

Section = list[str]
"""Statements."""


def work_orders(reading: Reading, formula: Formula, proved: Proved) -> str:
    """See ``work``; the reading is of people in one row."""
    if isinstance(formula, Before) and formula.first == formula.second:
        return proved.proof.text
    facts = _Facts(reading)
    if isinstance(formula, At) and facts.tells(formula):
        return ", ".join(facts.section)
    if proved.truth != UNKNOWN and facts.relation.value(formula) is None:
        # Places, and what is said of them, may need cases.
        return proved.proof.text
    sections = [facts.section, *_walks(facts, formula)]
    if proved.truth == UNKNOWN:
        sections.append([_unrelated(facts, formula) or _two_orders(facts, formula) or proved.proof.text])
    return "; ".join(", ".join(section) for section in sections if section) or proved.proof.text


class _Facts:
    """What the premises say in pairs, in the order in which it is said."""

    def __init__(self, reading: Reading) -> None:
        self.people = reading.signature.groups[0]
        self.names = [written(name) for name in self.people]
        nothing = OrderRelation(self.people)
        premises = [premise.formula for premise in reading.premises]
        case = OrderCase(nothing, {n: Said.by(f, True, nothing) for n, f in enumerate(premises)}, None, Budget(LIMIT))
        self.relation = case.relation
        derived = _derived(case)
        self.all_said = all(self.relation.value(premise) for premise in premises)
        """Whether every order that fits the pairs fits the premises."""
        self.premises = [
            formula if wanted else Not(formula)
            for _, formula, wanted in case.open
            if self.relation.value(formula) is not wanted
        ]
        """Those that the pairs do not settle; whoever is told to stand at a place may be among them."""
        chains: list[list[int]] = []
        """``ALL`` stands for all others."""
        places: dict[int, int] = {}
        """Which of the chains is somebody alone, who stands at a place, and that place as ``At`` counts."""
        for premise in premises:
            told = len(chains)
            for part in conjuncts(premise):
                pairs = Said.by(part, True, nothing).pairs
                if isinstance(part, At):
                    person = self.relation.index[part.entity]
                    if not pairs:
                        places[len(chains)] = part.place
                        chains.append([person])
                    else:
                        chains.append([person, ALL] if pairs[0][0] == person else [ALL, person])
                else:
                    _link(chains, pairs, told, front=True)
        _link(chains, derived, len(chains))
        self.places = {self.people[chains[number][0]]: self.relation.place(place) for number, place in places.items()}
        self.section: Section = [
            f"{self.names[chain[0]]} {places[number]}" if number in places else self._told(chain)
            for number, chain in enumerate(chains)
        ]
        named = [case.relation.index[name] for premise in premises for name in entities(premise)]
        shown = [person for chain in chains for person in chain if person != ALL]
        self.mentioned = list(dict.fromkeys([*shown, *named, *range(len(self.people))]))
        """Everybody, in the order of their first mention in what was said, then in the text."""
        self.pairs = list(dict.fromkeys(pair for chain in chains for pair in self._pairs(chain)))

    def tells(self, asked: At) -> bool:
        """Whether it is told who stands at a place, or where somebody stands, and that is what is asked."""
        return asked.entity in self.places or self.relation.place(asked.place) in self.places.values()

    def _told(self, chain: Sequence[int]) -> str:
        return " > ".join("all" if one == ALL else self.names[one] for one in chain)

    def _pairs(self, chain: Sequence[int]) -> Iterable[Pair]:
        for first, later in pairwise(chain):
            if ALL in (first, later):
                person = later if first == ALL else first
                others = (other for other in self.mentioned if other != person)
                yield from ((person, other) if later == ALL else (other, person) for other in others)
            else:
                yield first, later

    def chain(self, people: Sequence[int], sign: str = ">") -> str:
        """In words."""
        return f" {sign} ".join(self.names[person] for person in people)


ALL = -1


def _derived(case: OrderCase) -> list[Pair]:
    """Pairs that premises say only together with others, in the order in which they can be told; ``case`` gets them."""
    told = len(case.events)
    case.propagate()
    found = [event.pair for event in case.events[told:]]
    grew = True
    while grew and case.clash is None:
        grew = False
        for _, formula, wanted in case.open:
            people = [case.relation.index[name] for name in entities(formula)]
            pairs = [
                pair
                for pair in permutations(people, 2)
                if case.relation.value(formula) is None and _excludes(case.relation, pair[::-1], formula, wanted)
            ]
            # None of them needs another, so they may be told as a chain, from its front on.
            for pair in sorted(pairs, key=lambda pair: sum(later == pair[0] for _, later in pairs)):
                case.relation.add(*pair)
                found.append(pair)
                grew = True
    return found


def _excludes(relation: OrderRelation, pair: Pair, formula: Formula, wanted: bool) -> bool:
    """Whether a premise forbids a pair that is not known and not known to be wrong."""
    first, second = pair
    if relation.after[first] >> second & 1 or relation.after[second] >> first & 1:
        return False
    supposed = relation.copy()
    supposed.add(first, second)
    return supposed.value(formula) is (not wanted)


def _link(chains: list[list[int]], pairs: Iterable[Pair], told: int, front: bool = False) -> None:
    """Adds pairs, each to the last chain if that ends (or begins, for ``front``) where the pair begins (or ends) and is
    not one of the first ``told``."""
    for first, later in pairs:
        last = chains[-1] if len(chains) > told and len(chains[-1]) > 1 else []
        if last and last[-1] == first:
            last.append(later)
        elif front and last and last[0] == later:
            last.insert(0, first)
        else:
            chains.append([first, later])


def _walks(facts: _Facts, formula: Formula) -> list[Section]:
    """From whom the question is about, along the pairs, as far as the question needs."""
    relation = OrderRelation(facts.people)

    def unsettled() -> bool:
        return relation.value(formula) is None

    match formula:
        case Before(a, b):
            starts = [(facts.relation.index[a], ">"), (facts.relation.index[b], ">")]
        case At(a, place):
            # From the end that is asked about: one person there may be enough for a no.
            person, late = facts.relation.index[a], facts.relation.place(place) * 2 > len(facts.people)
            starts = [(person, ">"), (person, "<")] if late else [(person, "<"), (person, ">")]
        case _:
            return []
    sections = []
    for person, sign in starts:
        # Nothing is walked, and nothing said, once the question is settled.
        if unsettled():
            chains = _walk(facts.pairs, person, sign, relation, unsettled)
            sections.append([facts.chain(chain, sign) for chain in chains] or [f"{facts.names[person]} {sign} none"])
    return sections


def _walk(
    pairs: Sequence[Pair], start: int, sign: str, relation: OrderRelation, go_on: Callable[[], bool]
) -> list[list[int]]:
    """Everybody after (or, for ``<``, before) a person: as deep as it goes, then from the last one who has more.

    Args:
        pairs: where to go from each, the first first.
        start: who is the first in the first chain.
        sign: ``>`` or ``<``.
        relation: what was walked along is added.
        go_on: asked before each step.
    """
    steps: dict[int, list[int]] = {}
    for first, later in pairs:
        here, there = (first, later) if sign == ">" else (later, first)
        steps.setdefault(here, []).append(there)
    seen, way = {start}, [start]
    chains: list[list[int]] = []
    while way and go_on():
        following = next((one for one in steps.get(way[-1], ()) if one not in seen), None)
        if following is None:
            way.pop()
            continue
        if chains and chains[-1][-1] == way[-1]:
            chains[-1].append(following)
        else:
            chains.append([way[-1], following])
        relation.add(*((way[-1], following) if sign == ">" else (following, way[-1])))
        seen.add(following)
        way.append(following)
    return chains


def _unrelated(facts: _Facts, formula: Formula) -> str | None:
    """Who may stand on either side of whom, if that leaves the question open; None where it takes two orders."""
    relation = facts.relation
    match formula:
        case Before(a, b) if facts.all_said:
            one, other = relation.index[a], relation.index[b]
        case At(a, _) if facts.all_said:
            one = relation.index[a]
            met = relation.before[one] | relation.after[one] | 1 << one
            other = next(person for person in facts.mentioned if not met >> person & 1)
        case _:
            return None
    return facts.chain((one, other), "?")


def _two_orders(facts: _Facts, formula: Formula) -> str | None:
    """Two orders in words; see ``_two_found``."""
    orders = _two_found(facts, formula)
    return None if orders is None else " or ".join(map(facts.chain, orders))


def _two_found(facts: _Facts, formula: Formula) -> tuple[list[int], list[int]] | None:
    """The first order that fits and answers yes, and its like that answers no: with two neighbours in each other's
    place, where that is enough, else the first one. None where neither is found soon.
    """
    count = len(facts.people)

    def fits(order: Sequence[int], answer: bool) -> bool:
        model = {facts.people[person]: place for place, person in enumerate(order, 1)}
        return holds(formula, model, count) is answer and all(holds(one, model, count) for one in facts.premises)

    def first(answer: bool) -> list[int] | None:
        return next((order for order in islice(_all_orders(facts), TRIES) if fits(order, answer)), None)

    yes = first(True)
    if yes is None:
        return None
    for place in range(count - 1):
        one, other = yes[place : place + 2]
        if not facts.relation.after[one] >> other & 1:
            swapped = [*yes[:place], other, one, *yes[place + 2 :]]
            if fits(swapped, False):
                return yes, swapped
    no = first(False)
    return None if no is None else (yes, no)


TRIES = 3000
"""Orders that are looked at before the prover's own are taken."""


def _all_orders(facts: _Facts) -> Iterator[list[int]]:
    """Every order that the pairs allow; whoever was mentioned first comes first, where that can be."""

    def extended(order: list[int], left: int) -> Iterator[list[int]]:
        if not left:
            yield order
        for person in facts.mentioned:
            if left >> person & 1 and not facts.relation.before[person] & left:
                yield from extended([*order, person], left & ~(1 << person))

    yield from extended([], (1 << len(facts.people)) - 1)
