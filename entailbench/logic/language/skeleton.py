"""A sentence with numbers in place of its names, which is what the grammars read.

``"Ann , Bob and Cy are taller than Dee , but Eve is the tallest ."`` becomes ``"@0 are taller than @1 ; @2 is the
tallest"``. What needs looking ahead is settled here, so that a grammar with one word of lookahead can read the rest:
where a name begins and ends, which names form one list, and whether an "and" adds a name or begins a new clause.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from entailbench.logic.language.english import FUNCTION_WORDS, vocabulary

__all__ = ["NameList", "Names", "Skeleton", "folded", "resolve", "skeleton"]

_VERBS = vocabulary("is was are were am has did does")
_CONNECTIVES = vocabulary("and but while whereas whilst")
_SUBJECTS = vocabulary("no nobody none everyone everybody neither both all only exactly")
"""Words that begin a subject, so that an "and" before them begins a clause."""
_AFTER_A_LETTER = _VERBS | vocabulary(
    ', . : ; ? ! ) " and & or but nor who than not the says say claims tells said arrived'
)
"""What may follow "a" where it is a name: an article is followed by something else."""


@dataclass(frozen=True)
class NameList:
    """Names in one place of a sentence."""

    names: tuple[str, ...]
    joined: str = ""
    """``"and"`` or ``"or"`` (also for "nor"); ``","`` where neither comes before the last; empty for one name."""


@dataclass(frozen=True)
class Skeleton:
    """A sentence without its names."""

    text: str
    """Lower-case words and signs with one space between them; ``"@3"`` stands for ``lists[3]``."""
    lists: tuple[NameList, ...]

    def spoken(self, reason: str) -> str:
        """A message about the skeleton with the names put back."""
        for index in range(len(self.lists) - 1, -1, -1):
            if f"@{index}" in reason:
                reason = reason.replace(f"@{index}", self.lists[index].names[0])
        return reason


def folded(name: str) -> str:
    """A name without regard to capitals, or to how its accents are encoded."""
    return unicodedata.normalize("NFC", name).casefold()


class Names:
    """Which words of a sentence are names.

    A name is a word with a capital (or of a script without capitals) that is no function word, a capital letter,
    any known name, and, where it can be nothing else, a known name in other capitals.

    Args:
        known: names that are certain; those of several words are recognized only if they are here.
        letters: whether small single letters, and "I", are names.
        ordinary: the family's own words that are no names although they may begin a sentence.
        merge: whether words with capitals that follow each other are one name.
    """

    def __init__(
        self, known: Iterable[str] = (), *, letters: bool = False, ordinary: Collection[str] = (), merge: bool = False
    ) -> None:
        self._known = frozenset(known)
        self._letters = letters
        self._ordinary = ordinary
        self._merge = merge
        self._folded: dict[str, str | None] = {}
        self._longer: dict[str, list[tuple[str, ...]]] = {}
        for name in self._known:
            self._folded[folded(name)] = None if folded(name) in self._folded else name
            if " " in name:
                parts = tuple(name.split(" "))
                self._longer.setdefault(parts[0], []).append(parts)
        for candidates in self._longer.values():
            candidates.sort(key=len, reverse=True)

    def at(self, words: Sequence[str], index: int) -> tuple[str, int] | None:
        """The name that begins at a word, and how many words it has; None where none does."""
        word = words[index]
        for parts in self._longer.get(word, ()):
            if tuple(words[index : index + len(parts)]) == parts:
                return " ".join(parts), len(parts)
        if not self._is_name(words, index):
            return None
        length = 1
        if self._merge:
            while length < 4 and index + length < len(words) and self._is_name(words, index + length):
                length += 1
        name = unicodedata.normalize("NFC", " ".join(words[index : index + length]))
        if name not in self._known:
            name = self._folded.get(folded(name)) or name
        return name, length

    def speak_of(self, words: Sequence[str], people: Collection[str]) -> bool:
        """Whether a sentence names one of the people, if only as "Ann's"."""
        return any(
            (words[index].removesuffix("'s") in people and words[index].endswith("'s"))
            or ((name := self.at(words, index)) is not None and name[0] in people)
            for index in range(len(words))
        )

    def _is_name(self, words: Sequence[str], index: int) -> bool:
        word = words[index]
        if not word[0].isalpha() or word.endswith("'s"):
            return False
        if word == "a" or (word == "A" and index == 0):
            if word == "a" and not self._letters:
                return False
            after = words[index + 1] if index + 1 < len(words) else "."
            return after.lower() in _AFTER_A_LETTER or (word == "a" and after in self._ordinary)
        if word in self._known:
            return True
        if word == "Will":
            return index > 0 or (words[1].lower() if len(words) > 1 else "") in _AFTER_A_LETTER - {"not"}
        lower = word.lower()
        if len(word) == 1:
            return (word != "I" or self._letters) if _capital(word) else self._letters
        if lower in FUNCTION_WORDS or lower in self._ordinary:
            return False
        return _capital(word) or self._folded.get(folded(word)) is not None


def _capital(word: str) -> bool:
    return not word[0].islower()


def resolve(name: str, people: Collection[str]) -> str | None:
    """Whom of the people a name means; None where nobody, or where it is not clear.

    The exact name comes first, then the letter that the name doubles ("AA" → "A") or that doubles it ("A" → "AA"),
    then the one name that differs only in capitals.
    """
    if name in people:
        return name
    other = name[0] if len(name) == 2 and name[0] == name[1] else name * 2 if len(name) == 1 else ""
    if other in people:
        return other
    same = [person for person in people if folded(person) == folded(name)]
    return same[0] if len(same) == 1 else None


def skeleton(words: Sequence[str], names: Names, verbs: Collection[str] = (), *, lists: bool = True) -> Skeleton:
    """Put numbers for names.

    Args:
        words: of one sentence.
        names: knows which of them are names.
        verbs: words beside the forms of "be" that begin a predicate.
        lists: whether "A , B and C" becomes one number and clauses are parted by ";"; otherwise each name has its own.
    """
    verbs = _VERBS | set(verbs)
    units = _units(words, names)
    out: list[str] = []
    found: list[NameList] = []
    in_predicate = False
    index = 0

    def part() -> None:
        nonlocal in_predicate
        while out and out[-1] in {",", ";"}:
            out.pop()
        if out:
            out.append(";")
        in_predicate = False

    while index < len(units):
        word, is_name = units[index]
        if not is_name:
            after = units[index + 1] if index + 1 < len(units) else ("", False)
            if not lists:
                out.append(word)
            elif word in {";", "while", "whereas", "whilst"} or (
                word in _CONNECTIVES and in_predicate and not after[1] and after[0] in _SUBJECTS
            ):
                part()
            else:
                in_predicate = in_predicate or word in verbs
                out.append(word)
            index += 1
            continue
        if not lists:
            out.append(f"@{len(found)}")
            found.append(NameList((word,)))
            index += 1
            continue
        run, signs, index = _run(units, index)
        verb = units[index][0] if index < len(units) and not units[index][1] else ""
        if in_predicate and verb in verbs:
            if out[-1] in _CONNECTIVES or out[-1] == ",":
                out.pop()
                part()
            elif at := _parting(signs, plural=verb in {"are", "were"}):
                out.append(f"@{len(found)}")
                found.append(NameList(tuple(run[:at]), _joined(signs[: at - 1])))
                run, signs = run[at:], signs[at:]
                part()
        out.append(f"@{len(found)}")
        found.append(NameList(tuple(run), _joined(signs)))
    text = " ".join(
        word
        for word, after in zip(out, [*out[1:], ""], strict=False)
        if word != "," or after not in {"and", "or", "but", "who", "while", "whereas", "though", "although", "yet", ""}
    )
    return Skeleton(text, tuple(found))


def _units(words: Sequence[str], names: Names) -> list[tuple[str, bool]]:
    """Words in small letters and names, each with whether it is a name."""
    units: list[tuple[str, bool]] = []
    index = 0
    while index < len(words):
        if name := names.at(words, index):
            units.append((name[0], True))
            index += name[1]
        else:
            units.append(("and" if words[index] == "&" else words[index].lower(), False))
            index += 1
    return units


def _run(units: Sequence[tuple[str, bool]], index: int) -> tuple[list[str], list[str], int]:
    """A list of names from its first one on: the names, the words between them, and where it ends."""
    run = [units[index][0]]
    signs: list[str] = []
    index += 1
    while True:
        sign, ahead = "", index
        if ahead < len(units) and units[ahead] == (",", False):
            sign, ahead = ",", ahead + 1
        if ahead < len(units) and units[ahead][0] in {"and", "or", "nor"} and not units[ahead][1]:
            sign, ahead = units[ahead][0], ahead + 1
        if not sign or ahead >= len(units) or not units[ahead][1]:
            return run, signs, index
        run.append(units[ahead][0])
        signs.append(sign)
        index = ahead + 1


def _joined(signs: Sequence[str]) -> str:
    if not signs:
        return ""
    kinds = {"or" if sign == "nor" else sign for sign in signs}
    last = "or" if signs[-1] == "nor" else signs[-1]
    return last if kinds <= {last, ","} else ","


def _parting(signs: Sequence[str], *, plural: bool) -> int | None:
    """How many names of a list before a verb end the clause before; the others are the subject of the next.

    None where there is no way to part the list, or more than one: "B , C and D are" after "than".
    """
    ways = []
    last = len(signs)
    for at in range(last - 1 if plural else last, 0, -1):
        if (at == 1 or signs[at - 2] != ",") and signs[at - 1] in {"and", ","}:
            ways.append(at)
        if not plural or signs[at - 1] != ",":
            break
    return ways[0] if len(ways) == 1 else None
