"""Knights, who always tell the truth, and knaves, who always lie; the forms that are read stand in ``knights.lark``.

"A says that P" is ``Iff(Knight(A), P)``, and so is "A could say that P" within a claim. A pronoun, also one in a claim
within a claim, means whoever speaks. "Either … or" may exclude both (``Conventions.either``): a puzzle where that makes
a difference has two readings. What can be understood in two ways is refused: "it is false that P and Q" (write "it is
false that both P and Q"), "P and Q or R", "I" in a claim about a claim outside of quotes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from entailbench.logic.formula import Signature, entities, renamed
from entailbench.logic.language.background import about_nobody, introduces, is_question, sets_the_scene
from entailbench.logic.language.conventions import ALL_READINGS, Conventions
from entailbench.logic.language.english import (
    NUMBERS,
    TOO_LONG,
    asks,
    join,
    sentences,
    vocabulary,
    words,
)
from entailbench.logic.language.grammar import NotReadError, Reader
from entailbench.logic.language.knights_customs import is_custom
from entailbench.logic.language.skeleton import Names, resolve, skeleton
from entailbench.logic.puzzle import Premise, Puzzle, Question, Reading, Sentence, Unread

if TYPE_CHECKING:
    from entailbench.logic.language.knights_claims import Claim

__all__ = ["read_puzzle", "read_question"]

_KINDS = vocabulary("knight knights knave knaves liar liars truth-teller truth-tellers lying truth lies lie")
_SAYING = vocabulary(
    "say says said claim claims claimed tell tells told state states stated assert asserts asserted declare declares "
    "declared insist insists insisted"
)
_PRONOUNS = vocabulary("he she i me him her")
_ASKED = vocabulary(
    "knight knights knave knaves liar liars truth-teller truth-tellers type types kind kinds telling truth lying"
)
_DEFINITE = re.compile(
    r"\b(?:who|which|what)\b.*\bthe (?:two |three )?(?:knights?|knaves?|liars?|truth-tellers?)\b"
    r"|\b(?:who|which|what) (?:are )?(?:the )?(?:two|three|four|five|\d)"
)
"""A question that supposes how many there are: "Who is the knave ?", "Which two are knaves ?"."""
_HOME = re.compile(r"\b(?:island|land|village|town|country) of (?:knights and knaves|knaves and knights)\b")
_READER = Reader(
    "knights",
    ("sentence", "question"),
    {"COUNT": rf"(?:at least|at most|exactly|only|no more than|just) (?:{'|'.join(NUMBERS)}|\d{{1,2}})"},
)


def read_puzzle(text: str, conventions: Conventions = ALL_READINGS) -> Puzzle:
    """Read a puzzle of knights and knaves; what cannot be read stands in ``Puzzle.unread``, nothing is raised."""
    introduced: dict[str, None] = {}
    background: list[Sentence] = []
    statements: list[tuple[Sentence, list[str]]] = []
    for sentence in sentences(text):
        said = _words(sentence.text)
        newcomers = _introduced(said)
        introduced.update(dict.fromkeys(newcomers))
        if newcomers or _is_question(sentence, said):
            background.append(sentence)
        else:
            statements.append((sentence, said))

    names = Names(introduced)
    clues: list[tuple[Sentence, list[Claim]]] = []
    failed: list[tuple[Sentence, list[str], str]] = []
    for sentence, said in statements:
        try:
            if asks(sentence):
                raise NotReadError("it ends as a question and is not one alone")
            clues.append((sentence, _read(said, names, "sentence", tuple(introduced))))
        except NotReadError as error:
            failed.append((sentence, said, str(error)))

    exclusive = {"inclusive": False, "exclusive": True}
    formulas = {
        either: [(sentence, [claim.build("", exclusive[either]) for claim in claims]) for sentence, claims in clues]
        for either in conventions.either
    }
    unread: list[Unread] = []
    people = dict(introduced)
    if not introduced:
        for _, parts in formulas[conventions.either[0]]:
            people.update(dict.fromkeys(name for part in parts for name in entities(part)))
    strange: dict[Sentence, list[str]] = {}
    for sentence, parts in formulas[conventions.either[0]]:
        if strangers := [name for part in parts for name in entities(part) if name not in people]:
            strange[sentence] = strangers
            unread.append(
                Unread(sentence, f"names {join(list(dict.fromkeys(strangers)))}, whom the puzzle does not introduce")
            )
    for sentence, said, reason in failed:
        if said and _idle(said, names, people):
            background.append(sentence)
        else:
            unread.append(Unread(sentence, reason))

    readings: dict[tuple[Premise, ...], Reading] = {}
    for either in conventions.either:
        premises = tuple(
            Premise(sentence, part) for sentence, parts in formulas[either] if sentence not in strange for part in parts
        )
        readings.setdefault(premises, Reading(f"either … or: {either}", Signature(people=tuple(people)), premises))
    kept = list(readings.values())
    if len(kept) == 1 and not any(re.search(r"\beither\b", p.sentence.text, re.IGNORECASE) for p in kept[0].premises):
        kept = [Reading("", kept[0].signature, kept[0].premises)]
    return Puzzle(
        "knights",
        text,
        tuple(kept),
        tuple(sorted(unread, key=lambda one: one.sentence.start)),
        tuple(sorted(background, key=lambda one: one.start)),
    )


def read_question(puzzle: Puzzle, text: str) -> Question | Unread:
    """Read a question about a puzzle of knights and knaves; its "either … or" is that of the puzzle's first reading."""
    sentence = Sentence(text)
    people = puzzle.readings[0].signature.people
    try:
        (claim,) = _read(_words(text), Names(people), "question")
    except NotReadError as error:
        return Unread(sentence, str(error))
    formula = claim.build("", puzzle.readings[0].name.endswith("exclusive"))
    meant = {name: resolve(name, people) for name in entities(formula)}
    if strangers := [name for name, person in meant.items() if person is None]:
        return Unread(sentence, f"names {join(strangers)}, whom the puzzle does not have")
    return Question(text, renamed(formula, lambda name: meant[name] or name))


def _words(text: str) -> list[str]:
    """The words of a sentence; none of one that is too long to be looked at."""
    return words(text) if len(text) <= TOO_LONG else []


def _read(said: Sequence[str], names: Names, start: str, people: Sequence[str] = ()) -> list[Claim]:
    from entailbench.logic.language.knights_meaning import KnightsMeaning

    if not said:
        raise NotReadError(f"it is empty, or has more than {TOO_LONG:,} characters")
    bones = skeleton(said, names, lists=False)
    plain = " ".join(_parted(bones.text.split()))
    try:
        claims: list[Claim] = _READER.read(plain, start, KnightsMeaning(bones.lists, people))
    except NotReadError as error:
        raise NotReadError(bones.spoken(str(error))) from None
    return claims


def _parted(said: Sequence[str]) -> list[str]:
    """A sentence's words with commas between names only and a ";" before each further speaker."""

    def is_who(index: int) -> bool:
        return 0 <= index < len(said) and (said[index][0] == "@" or said[index] in _PRONOUNS)

    kept: list[str] = []
    for index, word in enumerate(said):
        if word == ":" or (word == "," and not (is_who(index - 1) and is_who(index + 1))):
            continue
        if word[0] == "@" and '"' not in said and index + 1 < len(said) and said[index + 1] in _SAYING:
            speakers = kept[len(kept) - kept[::-1].index(";") :] if ";" in kept else kept
            only = all(one[0] == "@" or one in {",", "and", "both"} for one in speakers)
            if kept[-1:] in (["and"], ["but"]) and (not only or speakers == kept[-1:]):
                kept[-1] = ";"
        elif word in {";", "while", "whereas"}:
            word = ";"
        kept.append(word)
    return kept


def _introduced(said: Sequence[str]) -> tuple[str, ...]:
    """Whom a sentence introduces that does nothing else."""
    if len(said) < 4 or any(word in _SAYING for word in said):
        return ()
    bones = skeleton(said, Names(letters=True, merge=True))
    rest = _HOME.sub("island", bones.text)
    return bones.lists[0].names if introduces(rest, bones.lists) else ()


def _is_question(sentence: Sentence, said: Sequence[str]) -> bool:
    """Whether a sentence is a question, or a task, and no more, which states nothing."""
    return is_question(sentence, said, _ASKED) and not _DEFINITE.search(sentence.text.lower())


def _idle(said: Sequence[str], names: Names, people: Collection[str]) -> bool:
    """Whether an unread sentence can be no premise: it says what is true of every island, or nothing of anybody."""
    if names.speak_of(said, people):
        return False
    return is_custom(said) or sets_the_scene(said, len(people)) or about_nobody(said, _KINDS)
