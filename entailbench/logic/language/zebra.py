"""Grid puzzles: houses in a row, and what belongs to each.

A puzzle is a preamble, clues, and perhaps what is asked at the end. The preamble says how many houses (or people)
there are and, if it likes, which categories and values::

    There are four houses in a row, numbered 1 to 4 from left to right.
    Each house has a different colour (red, green, blue, white) and an owner of a different nationality (…).
    There are five men of different nationalities: an Englishman, a German, …
    The drinks are tea, milk, water and cocoa.

Without lists the categories are inferred (``zebra_categories``). Clues are numbered or plain sentences; ``zebra.lark``
lists their forms with examples. In short, *things* are said

- a value ("the Norwegian", "tea"), "the red house", "the blue one", "the tea drinker", "the owner of the green house",
  "the man who owns a cat (eating toast, with the cat, in the red house)", "the Dane's house", "the house next to the
  red one",
- a place: "the first house (on the left)", "the second house from the right", "the last house", "the leftmost house",
  "the middle house", "house 3", "house number three", "house C", "at either end",

to stand somewhere

- to be at one place: "X drinks Y", "X is drunk in Y", "X lives in Y", "X is Y", "X and Y are the same person";
- to be beside each other: "X lives (is, …) next to Y", "X has a neighbour who drinks Y", "X and Y are neighbours";
- left or right: "X is (directly | immediately | somewhere | anywhere) to the left of Y", "X is two houses to the
  right of Y", "X is next to Y on the right", "X is between Y and Z", "there are two houses between X and Y";
- not to be: "does not drink", "is not", "never", "neither … nor"; or one of several: "(either) … or"; or both: "and".

"Left of" and "between" without an adverb may mean the very next house or any: ``Conventions.beside``. A reading's name
says which ("left of: immediately"), and how values were put into categories where that is open.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from entailbench.logic.formula import Signature
from entailbench.logic.language.conventions import Conventions
from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.zebra_categories import Inventory, suggests
from entailbench.logic.language.zebra_claims import Claim, Couple, Either, Is, Statement, Thing, Value, values_of
from entailbench.logic.language.zebra_meaning import MOST_PLACES, Row, described
from entailbench.logic.language.zebra_preamble import Frame, declares, frame_of, from_right, says_more, split, unlisted
from entailbench.logic.language.zebra_readings import Clue, readings_of, row_as_read
from entailbench.logic.language.zebra_syntax import parse
from entailbench.logic.puzzle import Puzzle, Question, Reading, Sentence, Unread

__all__ = ["read_puzzle", "read_question"]

LONGEST = 5_000_000
"""A longer text (in characters) is not looked at."""

LONGEST_ASKED = 1_000
"""A longer question (in characters) is taken to say more than it asks."""

_ASKS = re.compile(
    r"^(?:(?:so|now|and),? )?(?:who|whose|what|where|which|how|can you|could you|determine|find|tell|figure out|"
    r"work out|deduce|the (?:question|problem|task) is|question:)\b",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"^(?:(?:so|now|and|then),? )?(?:the (?:question|problem|task) is:? ?|question:? ?)?"
    r"(?:(?:can|could) you )?(?:(?:determine|find out|find|tell me|tell|say|figure out|work out|deduce) )?"
    r"(?:the names? of )?",
    re.IGNORECASE,
)
_ALL = re.compile(r"^(?:everyone|everybody|(?:each|every) (?:\w+)(?: of them)?)\b", re.IGNORECASE)
_ITS_OWN = re.compile(
    r"\b(?:an?|different|differing|own|unique|distinct|certain|particular|favou?rite)\b", re.IGNORECASE
)
_OPENING = re.compile(r"(?:(?:so|now|and),? )?(?:who|whose|what|where|which|how)\b", re.IGNORECASE)
_TELLING = re.compile(
    r"\b(?:if|given that|knowing|known|since|because|assuming|suppose|provided|although|but|unless)\b|;|"
    r"\([^()]*\b(?:not|no|never|\w+n't)\b[^()]*\)|"
    r"\w, (?:who|which|whose) [^,?]{1,80}, (?!(?:and|or|who|whose|which|what|where)\b)",
    re.IGNORECASE,
)
_GIVEN = re.compile(
    r"\b(?:given|using|from|based on|with) (?:these|the following|the) (?:clues|hints|facts)\b.*$", re.I
)


def read_puzzle(text: str, conventions: Conventions) -> Puzzle:
    """Read a grid puzzle; never fails: what cannot be read is in ``Puzzle.unread``.

    Args:
        text: the puzzle, without the question that is put to it; not trusted.
        conventions: ``beside`` matters: what "left of" may mean.
    """
    if len(text) > LONGEST:
        return Puzzle(
            "zebra", text, (_EMPTY,), (Unread(Sentence(text[:80]), f"the text has over {LONGEST:,} characters"),)
        )
    parts = split(text)
    asked = tuple(sentence for sentence in (*parts.preamble, *parts.clues) if _ASKS.search(sentence.text))
    preamble = tuple(sentence for sentence in parts.preamble if not _ASKS.search(sentence.text))
    frame = frame_of(text, preamble, asked)
    inventory = Inventory()
    for listed in frame.lists:
        for words in listed.values:
            inventory.add(words, listed.kind)
    clues, unread = _read((sentence for sentence in parts.clues if not _ASKS.search(sentence.text)), frame)
    for clue in clues:
        for value in values_of(clue.claim):
            inventory.mention(value)
    for value in _asked_values(asked):
        inventory.mention(value, new=bool(value.role) or suggests(value.words))
    background = [sentence for sentence in asked if not _tells(sentence.text)]
    unread += [Unread(sentence, "it may say more than it asks") for sentence in asked if _tells(sentence.text)]
    for sentence in preamble:
        listing = sentence.start in frame.listing
        named = inventory.names_any(unlisted(sentence.text) if listing or declares(sentence.text) else sentence.text)
        found = [] if listing else _read((sentence,), frame)[0]
        if not found and (named or says_more(sentence.text) or _of_all(sentence.text)):
            unread.append(Unread(sentence, "it may say more than what there is"))
            continue
        if not named and not any(map(_places if declares(sentence.text) else _names, found)):
            background.append(sentence)
            continue
        if all(inventory.find(value.words) for clue in found for value in values_of(clue.claim)):
            clues += found
        else:
            unread.append(Unread(sentence, "names something that no clue does"))
    clues.sort(key=lambda clue: clue.sentence.start)
    if frame.trouble or not 1 <= frame.places <= MOST_PLACES:
        count = frame.trouble or (
            f"{frame.places} houses are more than {MOST_PLACES}" if frame.places else "how many houses is not said"
        )
        unread += [Unread(clue.sentence, count) for clue in clues] or [Unread(Sentence(text[:80]), count)]
        readings: tuple[Reading, ...] = (_EMPTY,)
    else:
        readings, refused = readings_of(clues, inventory, frame, conventions)
        unread += refused
    return Puzzle("zebra", text, readings, _in_order(unread), tuple(sorted(background, key=lambda each: each.start)))


def read_question(puzzle: Puzzle, text: str) -> Question | Unread:
    """Read a yes/no question about a puzzle that ``read_puzzle`` gave.

    A bare "left of" or "either" in it means what it means in all of the puzzle's readings; where that differs it is not
    read: ask of one of them, ``read_question(replace(puzzle, readings=(reading,)), text)``.
    """
    signature = puzzle.readings[0].signature
    inventory = Inventory()
    for entity in signature.entities:
        inventory.add(entity)
    try:
        claim = _told_apart(parse(text, "question"), inventory)
        _check_plain(claim)
        row = Row(signature.places, lambda value: inventory.resolve(value.words), from_right=from_right(puzzle.text))
        return Question(text, row_as_read(row, claim, puzzle.readings).formula(claim))
    except NotReadError as error:
        return Unread(Sentence(text), str(error))


def _names(clue: Clue) -> bool:
    """Whether a claim is about something: a value or a place."""
    return _places(clue) or any(values_of(clue.claim))


def _places(clue: Clue) -> bool:
    """Whether a claim names a house by its place."""
    return "Place(positions" in repr(clue.claim)


def _of_all(sentence: str) -> bool:
    """Whether a sentence says something of all ("Everyone drinks tea"), not only that each has something."""
    one, count = _ALL.subn("The person", sentence)
    if not count or _ITS_OWN.search(sentence):
        return False
    try:
        return any(values_of(parse(one, "clue")))
    except NotReadError:
        return False


def _tells(question: str) -> bool:
    """Whether a sentence that begins like a question may state something too.

    "Who drinks tea owns the cat." states; so does "Who owns the fox, given that the Dane is in house 1?".
    """
    if len(question) > LONGEST_ASKED or _TELLING.search(question):
        return True
    if question.rstrip().endswith("?") or not _OPENING.match(question):
        return False
    try:
        parse(_ASKING.sub("", _GIVEN.sub("", question), count=1), "query")
    except NotReadError:
        return True
    return False


_EMPTY = Reading("", Signature(), ())


def _in_order(unread: Iterable[Unread]) -> tuple[Unread, ...]:
    return tuple(sorted(unread, key=lambda each: each.sentence.start))


def _read(sentences: Iterable[Sentence], frame: Frame) -> tuple[list[Clue], list[Unread]]:
    """What each sentence claims."""
    clues: list[Clue] = []
    unread: list[Unread] = []
    for sentence in sentences:
        try:
            if sentence.text.endswith("?"):
                raise NotReadError("it is a question")
            clues.append(Clue(sentence, parse(frame.in_known_words(sentence.text), "clue")))
        except NotReadError as error:
            unread.append(Unread(sentence, str(error)))
    return clues, unread


def _asked_values(asked: Sequence[Sentence]) -> Iterator[Value]:
    """The values that the final questions name; those that cannot be read name none."""
    for sentence in asked:
        text = " ".join(_GIVEN.sub("", re.sub(r"\([^()]*\)", " ", sentence.text[:1000])).split())
        try:
            yield from parse(_ASKING.sub("", text, count=1), "query")
        except NotReadError:
            continue


def _told_apart(claim: Claim, inventory: Inventory) -> Claim:
    """The claim; "Is Hannah Norwegian", whose values stand side by side like one, with the two told apart."""
    if not isinstance(claim, Statement) or claim.predicate != Is(Thing()):
        return claim
    ways: list[Claim] = []
    for value in values_of(claim):
        words = value.words.split()
        for cut in range(1, len(words)):
            with contextlib.suppress(NotReadError):
                first, second = (inventory.resolve(" ".join(half)) for half in (words[:cut], words[cut:]))
                ways.append(Statement(Thing((Value(first),)), Is(Thing((Value(second),)))))
    if len(ways) != 1:
        raise NotReadError("it does not say what is asked")
    return ways[0]


def _check_plain(claim: Claim) -> None:
    """A question takes nothing for granted: it describes each thing in one way.

    Raises:
        NotReadError: it does not ("Does the Dane who drinks tea own a cat").
    """
    things: list[Thing] = []
    pending: list[object] = [claim]
    anybody = isinstance(claim, Statement) and not claim.subject.parts
    while pending:
        match pending.pop():
            case Statement(subject, predicate):
                things.append(subject)
                pending.append(predicate)
            case Couple(_, first, second):
                things += [first, second]
            case Is(thing):
                # "Does the man own a cat in house 3": what is asked about stands in the predicate
                things.append(replace(thing, parts=thing.parts[1:]) if anybody else thing)
            case Either(_, parts):
                pending.extend(parts)
    if any(len(thing.parts) > 1 or any(map(described, thing.parts)) for thing in things):
        raise NotReadError("it describes somebody or something in two ways at once")
