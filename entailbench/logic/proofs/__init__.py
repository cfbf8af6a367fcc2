"""Proofs that a question is entailed, contradicted or open: found, written as short texts, and checked.

``decide`` finds a question's truth and writes the proof; ``check`` says what a proof text proves, whoever wrote
it. The two share the calculi below and nothing else, so that each is a test of the other.

People in one row (heights): ``Cal > Max > Zoe``. Each ``>`` follows from what one premise says and what was said
before; what it means for a question is read off the chains. ``Zoe < Max < Cal`` is the same from the back. That Cal is
before all others is ``Cal > all``; ``Max 2`` and ``Max -2`` repeat what a premise says of Max's place, from either end.
``Cal = Cal`` answers a question about one thing twice; ``yes`` or ``no`` alone, any other that needs no premise.

Knights and knaves: ``Ann knave, Bob knight``, each following from one premise and what was said before.

Grids: ``tea 2, milk not 3``: tea is at place 2, milk is not at place 3. Each follows from one premise, or from
one group ("one of the drinks must be at place 2, and none of the others can be"), and what was said before. That
nothing else of the group is where tea is goes without saying.

In each of the three a case may be supposed: ``if Ann knight: Bob knave, false; Ann knave``. A case ends in
``false`` where it contradicts one premise, one group or itself, or in ``yes`` or ``no`` where the question is
answered in it; what follows is the other case, marked by ``else`` where the first was answered. Cases nest.

An open question is shown by two models that fit the premises and answer it differently, the first with yes:
``Max > Cal > Zoe or Cal > Max > Zoe``; ``Ann knight, Bob knave or Ann knave`` (of the second, what is different).
Chains that follow from the premises may stand before two orders, separated by a comma or a semicolon.
Of people in one row it can be shown without writing the orders out: ``Cal > Max; Zoe > none; Max ? Zoe``. Everything
that the premises say has been said in pairs, and all who come after the one, and after the other, are named (``Zoe >
none``: nobody is), neither of whom is the other; so they may stand either way. For "is Max the second" all before Max
and all after Max are named, and somebody else is who may stand on either side: ``Max < none; Max > Cal; Max ? Zoe``.
With knights and grids, two cases can be these models: ``if Ann knight: Bob knave, yes; else Ann knave, Bob knight,
no``. At the end of each every premise must be true, however those are who are not known; of a grid, every place must
be known. Then it does not matter what becomes of other cases, and the text may end with the second model.

A name that could be misread, because it contains a sign or a word of this language or a number, stands in
quotes: ``"7" 2``.
"""

from __future__ import annotations

from entailbench.logic.formula import Formula
from entailbench.logic.proofs.check_domains import check_domain_proof
from entailbench.logic.proofs.check_orders import check_order_proof
from entailbench.logic.proofs.check_text import Malformed, tokens
from entailbench.logic.proofs.deciding import Prover
from entailbench.logic.proofs.domains import DomainProver
from entailbench.logic.proofs.orders import OrderProver
from entailbench.logic.proofs.proof import Checked, Inconsistent, Proof, Proved, TooHard
from entailbench.logic.proofs.scope import calculus_of, require_in_scope
from entailbench.logic.puzzle import Reading

__all__ = ["LIMIT", "Checked", "Decider", "Inconsistent", "Proof", "Proved", "TooHard", "check", "decide"]

LIMIT = 300_000
"""How many steps a search may take before it is given up: some seconds."""


class Decider:
    """Decides many questions about one reading, working out only once what the premises say.

    Args:
        reading: of one of the three calculi.

    Raises:
        DataError: the puzzle mixes knights with places, or is wrong in itself; the message says how.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._prover: Prover[list[int]] = (
            OrderProver(reading) if calculus_of(reading.signature) == "orders" else DomainProver(reading)
        )

    def decide(self, formula: Formula, limit: int = LIMIT) -> Proved:
        """See ``decide``."""
        require_in_scope(self.reading, formula)
        return self._prover.decide(formula, limit)


def decide(reading: Reading, formula: Formula, limit: int = LIMIT) -> Proved:
    """A question's truth and a short proof of it; the same proof whenever it is asked.

    Args:
        reading: what holds; see ``Decider`` where there are many questions about it.
        formula: what is asked.
        limit: how many steps of search are allowed; each takes some microseconds.

    Raises:
        Inconsistent: no model fits the premises; the exception names a minimal set that contradicts itself.
        TooHard: the search reached the limit.
        DataError: the question or a premise is about what does not exist, or the puzzle mixes knights with places.
    """
    require_in_scope(reading, formula)
    return Decider(reading).decide(formula, limit)


def check(reading: Reading, formula: Formula, text: str) -> Checked:
    """What a proof text proves about a question, or why it proves nothing.

    Where the premises have a model, no text is accepted as a proof of what is not so.

    Args:
        reading: what holds.
        formula: what is asked.
        text: any text, such as a language model's; white space does not matter, the names must be exact.

    Raises:
        DataError: as of ``decide``; nothing is raised because of the text.
    """
    calculus = require_in_scope(reading, formula)
    try:
        found = tokens(text, reading.signature.entities)
        return (check_order_proof if calculus == "orders" else check_domain_proof)(reading, formula, found)
    except Malformed as malformed:
        return Checked(None, str(malformed))
