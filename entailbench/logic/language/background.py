"""Sentences that state no premise: who there is, what is asked, and what goes without saying.

A premise that is taken for background is lost without a trace, so each of these is recognized by what it may say, not
by what it must not: an introduction and a question consist of words from closed lists, in a form that leaves no room
for a statement. Only a sentence about nobody at all ("It was a sunny day") is let pass for want of suspicious words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from entailbench.logic.language.english import NUMBERS, ORDINALS, asks, number, ordinal, vocabulary
from entailbench.logic.language.skeleton import NameList
from entailbench.logic.puzzle import Sentence

__all__ = ["PEOPLE", "about_nobody", "introduces", "is_question", "sets_the_scene"]

PEOPLE = vocabulary(
    "friends students classmates pupils boys girls children kids people persons men women dolls brothers sisters "
    "siblings cousins members players inhabitants residents natives islanders colleagues runners candidates "
    "contestants athletes workers employees teammates neighbours neighbors villagers soldiers"
)
"""Nouns for all the people of a puzzle."""
_SCENE = PEOPLE | vocabulary(
    "there here are were you we i meet met have has come across encounter encountered find found see know visit "
    "visited visiting consider take let among amongst the a an this that these those my our your in on at of from "
    "into and with by group class classroom family room school village town island land team club house building "
    "party company office city place row queue live lives lived living stand standing sit sitting study studying "
    "work working play playing together named called namely good best close dear participate participated "
    "participating took taking part race competition contest marathon some while walking"
)
"""Of these words a sentence may consist that says who there is."""
_MEETING = vocabulary("are were meet met come have has encounter encountered find found includes")
_NOTES = vocabulary(
    "here are some the following clues hints facts statements information is given below about them these read "
    "carefully use to answer questions question that follow follows based on consider you know now we for and "
    "each all"
)
"""Of these words a note to the reader may consist."""
_SUSPICIOUS = (
    vocabulary(
        "no not none never nobody nothing nor neither either both each every everyone everybody everything all "
        "any anybody anyone anything some somebody someone something few fewer many more most much less least "
        "several half only except but besides other others another else same different alike equal equally "
        "similar even opposite he him his himself she her hers herself they them their theirs themselves we us "
        "our i me my it's former latter who whom whose which what if unless whether because since therefore so "
        "than as like unlike true false truth truths lie lies lying lied liar liars wrong right correct incorrect "
        "statement statements claim claims clue clues hint hints sentence sentences following above below fact "
        "facts say says said order ordered row line queue rank ranks ranked ranking position positions place "
        "places reverse sequence turn before after behind front ahead between next beside near first last final "
        "top bottom middle high higher low tie ties tied beat beats won win wins lost twin twins pair pairs agree "
        "agrees disagree disagrees honest dishonest truthful untruthful boy girl man woman person friend brother "
        "sister child student one ones number count type types kind kinds sort sorts spy spies normal normals "
        "answer reply solution case course given certain sure yes indeed so"
    )
    | PEOPLE
    | NUMBERS.keys()
    | ORDINALS.keys()
)
"""Words with which a sentence without names may still speak of the puzzle's people or of its other sentences."""

_OPENINGS = vocabulary("it you today yesterday one")
"""With these a sentence about nobody begins; "the guards fib" would be about somebody."""

_OPEN = vocabulary("who whom which what whose how")
_ASKED = (
    _OPEN
    | PEOPLE
    | NUMBERS.keys()
    | ORDINALS.keys()
    | vocabulary(
        "is are was were am does do did can could then so now finally the a an of among amongst in from to than "
        "and or all them these those this they him her me us you group class family row line person friend "
        "student boy girl man woman child middle between comes one ones other others order correct right last top "
        "bottom many true it that we"
    )
)
"""Of these words, names and the family's own a question may consist."""
_FINITE = vocabulary("is are was were am does do did can could would comes")
_PREAMBLE = re.compile(
    r"(?:(?:then|so|now|finally|and) (?:, )?)?"
    r"(?:(?:based on|from) (?:this|that|these|the) ?(?:information|clues|facts|hints|statements)? ?, )?"
    r"(?:(?:among|amongst|of|in|out of) (?P<whom>[^?]{1,300}?) , (?=(?:who|whom|which|what|is|are|was) ))?"
)
_TASK = re.compile(
    r"(?:(?:can|could) (?:you|we|anybody|anyone) )?"
    r"(?:please )?(?:determine|find out|find|work out|figure out|tell me|tell|say|decide|deduce|conclude) "
    r"(?=(?:who|which|what) )"
)
_WHETHER = re.compile(
    r"(?:is it (?:true|the case)|does it follow|(?:can|could) (?:you|we) conclude|must it be true) that "
)


def introduces(text: str, lists: Sequence[NameList]) -> bool:
    """Whether a sentence says who there is and nothing else.

    "There are three friends A , B and C", "A , B and C are three friends in a class", "Among A , B and C",
    "You meet two inhabitants : A and B", "Three friends , A , B and C , live in one house".

    Args:
        text: its skeleton's.
        lists: its skeleton's.
    """
    if len(lists) != 1 or (len(lists[0].names) < 2 and not text.endswith(": @0")) or lists[0].joined == "or":
        return False
    before, _, after = (part.split() for part in text.partition("@0"))
    if not all(word in _SCENE or word in {",", ":"} or number(word) for word in before + after):
        return False
    counted = any(number(word) is not None or word in PEOPLE for word in before)
    if not before:
        return after[:1] in (["are"], ["were"]) and any(number(w) is not None or w in PEOPLE for w in after)
    if before[0] in {"among", "amongst", "consider", "take"}:
        return not after or counted
    if _MEETING & set(before):
        return before[-1] not in {"are", "were"} or not after
    return counted and bool(after)


def is_question(sentence: Sentence, said: Sequence[str], also: Collection[str], finite: Collection[str] = ()) -> bool:
    """Whether a sentence is a question and no more, which states nothing.

    "Who is the tallest ?", "Among the five , which one is the shortest ?", "Is A taller than B ?", "Can you find out
    who is a knight and who is a knave ?". A second verb ("Who is the tallest is A"), a comma before anything but a name
    ("Is A , taller than B , the tallest ?") or a word from no list ("knowing", "if") leaves room for a statement.

    Args:
        sentence: as it stands in the text.
        said: its words.
        also: the family's own words of questions.
        finite: the family's own verbs.
    """
    if not said or sentence.text.rstrip(" \"'”’)")[-1:] in {"!", "…", ";", ":"}:
        return False
    names = [_may_be_name(said, index, also) for index in range(len(said))]
    plain = " ".join("@" if name else word.lower() for word, name in zip(said, names, strict=True))
    preamble = _PREAMBLE.match(plain)
    whom = (preamble["whom"] or "").split() if preamble else []
    plain = plain[preamble.end() if preamble else 0 :]
    task = _TASK.match(plain)
    if not task and sentence.text.rstrip().endswith((".", "。")) and not plain.startswith(("who ", "which ", "what ")):
        return False
    verbs = _FINITE | frozenset(finite)
    if plain in {"who is who", "who is what"}:
        return True
    opening = task or _WHETHER.match(plain)
    words = plain[opening.end() if opening else 0 :].split()
    known = _ASKED | verbs | frozenset(also) | {"@"}
    if any(word in verbs or word in _OPEN or (word not in known | {","} and number(word) is None) for word in whom):
        return False
    for index, word in enumerate(words):
        if word in {",", ":"}:
            if words[index + 1 : index + 2] not in (["@"], ["or"], ["and"]):
                return False
        elif word not in known and number(word) is None and ordinal(word) is None:
            return False
    if opening and not task:
        return asks(sentence) and _one_verb(words, verbs)
    if words and words[0] in _FINITE:
        return asks(sentence) and _one_verb(words, verbs)
    clauses: list[list[str]] = []
    for word, before in zip(words, ["", *words], strict=False):
        if word in _OPEN and (not before or before in {"and", "or"}):
            clauses.append([])
        if not clauses:
            return False
        clauses[-1].append(word)
    return bool(clauses) and all(_one_verb(clause[1:], verbs) for clause in clauses)


def _one_verb(words: Sequence[str], verbs: Collection[str]) -> bool:
    """Whether a clause has at most one verb, and no question word within it."""
    helped = any(word in {"did", "does", "do", "can", "could", "would"} for word in words)
    return sum(word in verbs for word in words) <= 1 + helped and not any(word in _OPEN for word in words)


def _may_be_name(said: Sequence[str], index: int, also: Collection[str]) -> bool:
    word = said[index]
    if not word[0].isalpha() or word.endswith("'s"):
        return False
    if index == 0 or word == "I":
        return (
            word.lower() not in _ASKED | _FINITE | frozenset(also) and len(word) == 1 and word.isupper() and word != "I"
        )
    return not word[0].islower() or (len(word) == 1 and word != "a")


def sets_the_scene(said: Sequence[str], people: int) -> bool:
    """Whether a sentence without names says who there is ("There are five friends"), or is a note to the reader.

    Args:
        said: its words.
        people: how many the puzzle has; a sentence with another number says more than that.
    """
    lower = [word.lower() for word in said]
    if not all(word in _SCENE | _NOTES or word in {",", ":"} or number(word) is not None for word in lower):
        return False
    return all(count in {None, people} for count in map(number, lower))


def about_nobody(said: Sequence[str], also: Collection[str] = ()) -> bool:
    """Whether a sentence without names has no word that may stand for a person or a statement: "It was a sunny day".

    Args:
        said: its words.
        also: the family's own words that say something.
    """
    lower = [word.lower() for word in said]
    if len(said) < 3 or lower[0] not in _OPENINGS or (lower[0] == "it" and lower[2] not in {"a", "an"}):
        return False
    return all(
        word == ","
        or (
            word.isascii()
            and word.isalpha()
            and (word.islower() or index == 0)
            and lower[index] not in _SUSPICIOUS
            and lower[index] not in also
            and not word.endswith(("er", "ers", "est"))
        )
        for index, word in enumerate(said)
    )
