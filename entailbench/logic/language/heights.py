"""Comparisons: taller, older, heavier, faster, earlier …; the forms that are read stand in ``heights.lark``.

The people stand in a strict order, the tallest at place 1: nobody is as tall as another, so "not taller" is "shorter",
and degrees ("a little taller") say nothing more. A puzzle compares one thing, that of its first comparison; a sentence
about another is unread. "The tallest" is the tallest of all people, so a puzzle that introduces somebody whom no
clue mentions has two readings (``Conventions.people``).

Exceptions are meant as exceptions: "taller than everyone except B" says that B is taller. What can be understood in
two ways is refused: "not taller than A and B", "not much taller", a further predicate after a "who".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from entailbench.logic.formula import Signature, entities, renamed
from entailbench.logic.language.background import about_nobody, introduces, is_question, sets_the_scene
from entailbench.logic.language.conventions import ALL_READINGS, Conventions
from entailbench.logic.language.english import ORDINALS, TOO_LONG, asks, join, sentences, vocabulary, words
from entailbench.logic.language.grammar import NotReadError, Reader
from entailbench.logic.language.heights_words import ADJECTIVES, GROUPS, SEXES, SUPERLATIVES, terminals
from entailbench.logic.language.relations import RELATIONS
from entailbench.logic.language.skeleton import Names, resolve, skeleton
from entailbench.logic.puzzle import Premise, Puzzle, Question, Reading, Sentence, Unread

if TYPE_CHECKING:
    from entailbench.logic.language.heights_claims import Facts

__all__ = ["read_puzzle", "read_question"]

_COMPARED = frozenset(word for r in RELATIONS for word in (r.more, r.less, r.most, r.least))
_TELLING = _COMPARED | frozenset(ADJECTIVES) | frozenset(form for r in RELATIONS for form in (r.name, f"{r.name}s"))
"""Words with which a sentence may compare."""
_VERBS = frozenset(r.verb for r in RELATIONS)
_DIFFERENT = re.compile(
    r"\b(?:different|distinct|no two [a-z ]{0,30}the same) (?:" + "|".join(f"{r.name}s?" for r in RELATIONS) + r")\b"
)
"""A strict order, said: "of different heights"."""
_DIFFERING = vocabulary(
    "they all of them are have no two everyone everybody each the these people friends students has a , and note that"
)
"""What may stand beside that in a sentence that says nothing else."""
_ASKED = _TELLING | {"order"}
_RANK = re.compile(f"(?:{'|'.join(ORDINALS)}|last)-(?:{'|'.join(SUPERLATIVES)})")
_READER = Reader("heights", ("sentence", "question"), terminals())


def read_puzzle(text: str, conventions: Conventions = ALL_READINGS) -> Puzzle:
    """Read a comparison puzzle; what cannot be read stands in ``Puzzle.unread``, nothing is raised."""
    stretches = [(one, _words(one.text)) for one in sentences(text)]
    introduced: dict[str, None] = {}
    background: list[Sentence] = []
    statements: list[tuple[Sentence, list[str]]] = []
    for sentence, said in stretches:
        newcomers = _introduced(said)
        introduced.update(dict.fromkeys(newcomers))
        if newcomers or is_question(sentence, said, _ASKED, _VERBS):
            background.append(sentence)
        else:
            statements.append((sentence, said))

    names = Names(introduced, letters=True, ordinary=_TELLING)
    clues: list[tuple[Sentence, Facts]] = []
    failed: list[tuple[Sentence, list[str], str]] = []
    dimension = ""
    for sentence, said in statements:
        try:
            if asks(sentence):
                raise NotReadError("it ends as a question and is not one alone")
            facts = _read(said, names, "sentence")
        except NotReadError as error:
            failed.append((sentence, said, str(error)))
        else:
            clues.append((sentence, facts))
            dimension = dimension or next(iter(facts.relations), "")

    told = [facts for _, facts in clues if not (_misfit(facts, dimension) or _half_named(facts, introduced))]
    mentioned = [name for facts in told for name in facts.names]
    named = set(mentioned)
    everybody = tuple(dict.fromkeys([*introduced, *mentioned]))
    choices = {
        "mentioned": tuple(person for person in everybody if not mentioned or person in named),
        "declared": everybody,
    }
    groups = _groups(background)
    premises: list[Premise] = []
    unread: list[Unread] = []
    possible = {choice: choices[choice] for choice in conventions.people}
    for sentence, facts in clues:
        fitting = {c: people for c, people in possible.items() if facts.sizes <= {len(people)}}
        if reason := (
            _misfit(facts, dimension) or _half_named(facts, introduced) or _elsewhere(facts, groups, bool(fitting))
        ):
            unread.append(Unread(sentence, reason))
        else:
            possible = fitting
            premises.append(Premise(sentence, facts.formula))
    for sentence, said, reason in failed:
        if said and _idle(said, names, everybody):
            background.append(sentence)
        else:
            unread.append(Unread(sentence, reason))

    ambiguous = choices["mentioned"] != choices["declared"]
    readings = {
        people: Reading(
            f"people: {choice}" if ambiguous else "", Signature(groups=(people,), places=len(people)), tuple(premises)
        )
        for choice, people in reversed(possible.items())
    }
    return Puzzle(
        "heights",
        text,
        tuple(reversed(readings.values())),
        tuple(sorted(unread, key=lambda one: one.sentence.start)),
        tuple(sorted(background, key=lambda one: one.start)),
        dimension,
    )


def read_question(puzzle: Puzzle, text: str) -> Question | Unread:
    """Read a question about a comparison puzzle.

    The puzzle's names may be written otherwise ("AA" for "A"); whom the puzzle introduces may be asked about in every
    reading, also where the reading's signature lacks them.
    """
    sentence = Sentence(text)
    introduced = [name for one in puzzle.background for name in _introduced(_words(one.text))]
    people = dict.fromkeys(
        [*introduced, *(name for r in puzzle.readings for group in r.signature.groups for name in group)]
    )
    try:
        facts = _read(_words(text), Names(people, letters=True, ordinary=_TELLING), "question")
    except NotReadError as error:
        return Unread(sentence, str(error))
    sizes = {reading.signature.places for reading in puzzle.readings}
    if reason := _misfit(facts, puzzle.dimension) or _elsewhere(
        facts, _groups(puzzle.background), facts.sizes <= sizes
    ):
        return Unread(sentence, reason)
    meant = {name: resolve(name, people) for name in entities(facts.formula)}
    if strangers := [name for name, person in meant.items() if person is None]:
        return Unread(sentence, f"names {join(strangers)}, whom the puzzle does not have")
    return Question(text, renamed(facts.formula, lambda name: meant[name] or name))


def _words(text: str) -> list[str]:
    """The words of a sentence; none of one that is too long to be looked at."""
    said = words(text) if len(text) <= TOO_LONG else []
    return [part for word in said for part in (word.split("-") if _RANK.fullmatch(word.lower()) else [word])]


def _read(said: Sequence[str], names: Names, start: str) -> Facts:
    from entailbench.logic.language.heights_meaning import HeightsMeaning

    if not said:
        raise NotReadError(f"it is empty, or has more than {TOO_LONG:,} characters")
    bones = skeleton(said, names, _VERBS)
    try:
        facts: Facts = _READER.read(bones.text, start, HeightsMeaning(bones.lists))
    except NotReadError as error:
        raise NotReadError(bones.spoken(str(error))) from None
    return replace(facts, names=tuple(name for names in bones.lists for name in names.names))


def _introduced(said: Sequence[str]) -> tuple[str, ...]:
    """Whom a sentence introduces that does nothing else."""
    if len(said) < 4 or any(word in _COMPARED for word in said):
        return ()
    bones = skeleton(said, Names(letters=True, ordinary=_TELLING, merge=True), _VERBS)
    rest = _DIFFERENT.sub("", bones.text)
    return bones.lists[0].names if introduces(" ".join(rest.split()), bones.lists) else ()


def _idle(said: Sequence[str], names: Names, people: Collection[str]) -> bool:
    """Whether an unread sentence can be no premise: it compares nothing and names nobody."""
    if names.speak_of(said, people):
        return False
    rest = _DIFFERENT.sub("", " ".join(said).lower()).split()
    if any(word in _TELLING for word in rest):
        return False
    if len(rest) < len(said) and all(word in _DIFFERING for word in rest):
        return True
    return sets_the_scene(said, len(people)) or about_nobody(said)


def _groups(background: Iterable[Sentence]) -> frozenset[str]:
    """What a puzzle calls its people: "girl" and the like, and an empty string for a noun that says nothing of sex."""
    found = {word for one in background for word in re.findall(r"[a-z]+", one.text.lower()) if word in GROUPS}
    found -= {"one", "ones", "other", "others", "person", "persons", "people"}
    return frozenset(SEXES.get(word, "") for word in found if word not in SEXES.values())


def _misfit(facts: Facts, dimension: str) -> str:
    """Why a sentence cannot be about what the puzzle compares; empty where it can."""
    if other := next((relation for relation in facts.relations if relation != dimension), ""):
        return f"compares {other}, while the puzzle compares {dimension or 'nothing'}"
    return "it is not known what is compared" if facts.bare and not dimension else ""


def _half_named(facts: Facts, introduced: Collection[str]) -> str:
    """Why a sentence may be about somebody whom the puzzle introduces by a longer name; empty where it is not."""
    parts = {part: name for name in introduced for part in name.split() if part != name}
    half = next((name for name in facts.names if name in parts and name not in introduced), "")
    return f"names {half!r}, who may be {parts[half]!r}" if half else ""


def _elsewhere(facts: Facts, groups: frozenset[str], fits: bool) -> str:
    """Why "the tallest of …" may not range over all people; empty where it does."""
    if not fits:
        sizes = join([str(size) for size in sorted(facts.sizes)])
        return f"speaks of {sizes} people, of whom the puzzle has another number"
    if facts.nouns and facts.nouns != groups:
        return f"speaks of each {join(sorted(facts.nouns))}, who may be some of the people only"
    return ""
