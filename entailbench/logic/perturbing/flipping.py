"""The same premises and question with the opposite words: "A is taller than B" for "B is shorter than A"."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from entailbench.logic.formula import At, Before, Formula, conjuncts
from entailbench.logic.generator.wording_heights import listed
from entailbench.logic.language.relations import RELATIONS, Relation
from entailbench.logic.perturbing.pairs import pair_of
from entailbench.logic.perturbing.rewrite import (
    CannotPerturb,
    Rewrite,
    any_name,
    everybody,
    premise_sentences,
    with_sentences,
)
from entailbench.logic.perturbing.theory import asked, read, same_premises
from entailbench.logic.puzzle import Puzzle, Sentence

__all__ = ["flipped"]

_KINDS = {"knight": "knave", "knave": "knight", "liar": "truth-teller", "truth-teller": "liar"}
_KIND = re.compile(rf"\b(is|am) (not )?(an?|the) ({'|'.join(_KINDS)})\b")
_SIDE = re.compile(
    r"(?P<first>.+?) (?:is|are|lives?|sits?|stands?|resides?)"
    r"(?P<how>(?: directly| immediately| just| somewhere| anywhere)? (?:to|on) the )(?P<side>left|right)"
    r"(?P<of> of )(?P<second>.+?)(?P<end>\s*[.!]?)"
)


def flipped(puzzle: Puzzle, rng: random.Random) -> Rewrite:
    """Says as much as can be said with the opposite word, the arguments changing places.

    Of comparisons every pair ("taller" and "shorter") and the tallest, whom everybody else is shorter than; of knights
    and knaves "is not a knave" for "is a knight"; of a grid "to the right of" for "to the left of". Each sentence is
    read again and stays as it was where it would not say the same.

    Raises:
        CannotPerturb: no sentence can be put so.
    """
    new: dict[Sentence, str] = {}
    for sentence in premise_sentences(puzzle):
        said = next((text for text in _ways(puzzle, sentence) if text != sentence.text), None)
        if said is not None:
            new[sentence] = said
    whole = Rewrite(with_sentences(puzzle.text, new))
    if new and not _same(puzzle, whole):
        # One of them does not say the same: find out which.
        new = {
            sentence: text
            for sentence, text in new.items()
            if _same(puzzle, Rewrite(with_sentences(puzzle.text, {sentence: text})))
        }
        whole = Rewrite(with_sentences(puzzle.text, new))
    if not new:
        raise CannotPerturb("no premise can be said the other way round")
    return Rewrite(whole.context, lambda question: _question(puzzle, question))


def _same(puzzle: Puzzle, rewrite: Rewrite) -> bool:
    return same_premises(puzzle, rewrite, read(rewrite.context, puzzle.family))


def _ways(puzzle: Puzzle, sentence: Sentence) -> Iterator[str]:
    """How a sentence might be said the other way round; to be checked."""
    match puzzle.family:
        case "knights":
            yield _KIND.sub(
                lambda m: f"{m[1]} {'' if m[2] else 'not '}{'a' if m[3] != 'the' else 'the'} {_KINDS[m[4]]}",
                sentence.text,
            )
        case "zebra":
            if match := _SIDE.fullmatch(sentence.text):
                other = "right" if match["side"] == "left" else "left"
                first, second = _inside(match["first"]), match["second"]
                yield f"{second[0].upper()}{second[1:]} is{match['how']}{other}{match['of']}{first}{match['end']}"
        case "heights":
            names = everybody(puzzle)
            if pair := pair_of(sentence.text, names):
                yield pair.swapped()
            elif text := _said_anew(puzzle, sentence, names):
                yield text


def _inside(subject: str) -> str:
    """A sentence's first words as they stand within one."""
    return subject[0].lower() + subject[1:] if re.match(r"(?:The|An?) ", subject) else subject


def _said_anew(puzzle: Puzzle, sentence: Sentence, names: Sequence[str]) -> str | None:
    """A sentence that says several things, each the other way round; None where it says something that has none."""
    relation = _relation(puzzle)
    mentioned = re.findall(any_name(names), sentence.text)
    facts = list(
        dict.fromkeys(
            part
            for premise in puzzle.readings[0].premises
            if premise.sentence == sentence
            for part in conjuncts(premise.formula)
        )
    )
    if relation is None or not facts:
        return None
    end = " ." if sentence.text.endswith(" .") else "."
    verb = relation.verb if relation.verb != "is" else ""
    if len(facts) == 1 and isinstance(facts[0], At):
        word = _word_for_others(facts[0], relation)
        return f"Everybody else {verb or 'is'} {word} than {facts[0].entity}{end}" if word else None
    said: dict[str, list[tuple[str, str]]] = {}
    for fact in facts:
        if not isinstance(fact, Before) or fact.first == fact.second:
            return None
        if {fact.first, fact.second} - set(mentioned):
            return None
        if mentioned.index(fact.first) < mentioned.index(fact.second):
            said.setdefault(relation.less, []).append((fact.second, fact.first))
        else:
            said.setdefault(relation.more, []).append((fact.first, fact.second))
    return ", and ".join(clause for word, pairs in said.items() for clause in _clauses(pairs, word, verb)) + end


def _clauses(pairs: Sequence[tuple[str, str]], word: str, verb: str) -> list[str]:
    """ "A and B are taller than C", "A is taller than B and C", or a clause for each pair."""
    subjects, objects = (list(dict.fromkeys(side)) for side in zip(*pairs, strict=True))
    if len(objects) == 1:
        be = verb or ("are" if len(subjects) > 1 else "is")
        return [f"{listed(subjects)} {be} {word} than {objects[0]}"]
    if len(subjects) == 1:
        return [f"{subjects[0]} {verb or 'is'} {word} than {listed(objects)}"]
    return [f"{subject} {verb or 'is'} {word} than {other}" for subject, other in pairs]


def _word_for_others(fact: Formula, relation: Relation) -> str:
    """What everybody else is of the one at an end of the row; empty for one who stands elsewhere."""
    return {1: relation.less, -1: relation.more}.get(fact.place, "") if isinstance(fact, At) else ""


def _relation(puzzle: Puzzle) -> Relation | None:
    return next((relation for relation in RELATIONS if relation.name == puzzle.dimension), None)


def _question(puzzle: Puzzle, question: str) -> str:
    """A question the other way round; as it is where there is no such way."""
    if puzzle.family != "heights":
        return question
    names = everybody(puzzle)
    if pair := pair_of(question, names):
        return pair.swapped()
    formula, relation = asked(puzzle, question), _relation(puzzle)
    mentioned = re.findall(any_name(names), question)
    word = _word_for_others(formula, relation) if formula and relation else ""
    if not word or relation is None or len(mentioned) != 1:
        return question
    end = " ?" if question.endswith(" ?") else "?"
    if relation.verb == "is":
        return f"Is everybody else {word} than {mentioned[0]}{end}"
    return f"Is it true that everybody else {relation.verb} {word} than {mentioned[0]}{end}"
