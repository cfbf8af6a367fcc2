"""Answers that give a proof before the label: ``Cal > Max > Zoe: entailment``.

Only the form is looked at here; whether anything is proved is for the solver to say (``proof_validity``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from entailbench import ENTAILMENT, NOT_ENTAILMENT, Label

__all__ = ["LONGEST_PROOF", "ProofAnswer", "read_proof_answer"]

LONGEST_PROOF = 20_000
"""Characters; a longer line is no proof. The longest of ten thousand generated puzzles has some two thousand."""

TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[<>=,;:?]|[^\s<>=,;:?"]+|"')
NAME_WORD = re.compile(r"[^\W\d_](?:[\w'’&/+.-]*\w)?")
SIGNS = ("<", ">", "=", "?")
LONGEST_NAME = 6
"""Words."""

KEYWORDS = frozenset({"all", "if", "else", "or", "not", "false", "yes", "no", "knight", "knave", "none"})
TALK = frozenset(
    """a about again all almost also although always am an and answer answers any are as assume assuming at barely
    be because been believe both but by can cannot case certainly claim clue clues conclude concluded conclusion
    context contradiction correct could day days definitely do does doubt doubtful each either entail entailed
    entailment entails even every example fact fails false few for from given had hardly has have he hence her him
    hint how i in incorrect is it item lacks least less likely line logically many may maybe might more most must my
    neither never non none nor not number of oh ok okay on only open option or part perhaps point possibly premise
    premises presumably probably puzzle question reason result rule say says scarcely seems she should since so some
    statement step such suppose sure task test than that the their then there therefore these they think this those
    though thus to true uncertain unclear unknown unless unlikely until untrue very was we were what when where
    whether which while who why will with without would wrong you
    """.split()  # noqa: SIM905 - a set literal of single words would be longer than what it says
)
"""What stands in sentences about a proof and in no name that is written without quotes."""


@dataclass(frozen=True)
class ProofAnswer:
    """An answer of the form ``PROOF: label``, taken apart."""

    proof: str
    """What stands before the last colon; it has the form of a proof and may prove nothing."""
    label: Label


def read_proof_answer(line: str) -> ProofAnswer | None:
    """One line as a proof and its label; None for whatever else it may be.

    After the last colon stands one of the two labels and nothing else. Before it stand chains (``A > B``, ``A = B``)
    and facts (``A knight``, ``A 2``, ``A not 2``), at least one, and what is left open (``A ? B``); cases
    (``if A > B: …, false; …``) are brought to an end. A sentence about a chain is not of that form, and neither is a
    label that hangs on a condition.
    """
    proof, colon, said = line.rpartition(":")
    if not colon or len(line) > LONGEST_PROOF:
        return None
    label = {"entailment": ENTAILMENT, "not entailment": NOT_ENTAILMENT}.get(_plain(said))
    if label is None or not _has_form(TOKEN.findall(proof)):
        return None
    return ProofAnswer(proof.strip(), label)


def _plain(said: str) -> str:
    return " ".join(said.casefold().split()).removesuffix(".")


def _has_form(tokens: Sequence[str]) -> bool:
    facts = opened = 0
    answers: set[str] = set()
    statement: list[str] = []
    for token in [*tokens, ""]:
        if token not in ("", ",", ";", ":", "or"):
            statement.append(token)
            continue
        words = statement[1:] if statement[:1] == ["else"] else statement
        supposes = words[:1] == ["if"]
        if supposes != (token == ":"):
            return False
        if len(words) == 1 and words[0] in ("false", "yes", "no"):
            opened -= 1
            answers.add(words[0])
        elif _says_something(words[supposes:]):
            facts += 1
            opened += supposes
        else:
            return False
        statement = []
    # A last case that is the only one left is closed without having been opened; and once cases were answered both
    # ways, the question is open, whatever becomes of those around them.
    return facts > 0 and (opened <= 0 or {"yes", "no"} <= answers)


def _says_something(words: Sequence[str]) -> bool:
    """Whether it is a chain or a fact."""
    signs = [word for word in words if word in SIGNS]
    if signs:
        parts: list[list[str]] = [[]]
        for word in words:
            if word in SIGNS:
                parts.append([])
            else:
                parts[-1].append(word)
        if len(parts) == 2 and ["all"] in parts:
            parts.remove(["all"])
        elif len(parts) == 2 and parts[1] == ["none"]:
            parts.pop()
        elif "?" in signs and len(parts) > 2:
            return False
        return all(map(_is_name, parts))
    if words[-1:] in (["knight"], ["knave"]):
        return _is_name(words[:-1])
    if words and words[-1].removeprefix("-").isdecimal():
        return _is_name(words[:-2] if words[-2:-1] == ["not"] else words[:-1])
    return False


def _is_name(words: Sequence[str]) -> bool:
    if len(words) == 1 and words[0].startswith('"') and len(words[0]) > 1:
        return True
    return 0 < len(words) <= LONGEST_NAME and all(
        NAME_WORD.fullmatch(word) is not None
        and word not in KEYWORDS
        # People may be called A, B and I.
        and not word.casefold().endswith(("n't", "n’t"))
        and ((len(word) == 1 and word.isupper()) or word.casefold() not in TALK)
        for word in words
    )
