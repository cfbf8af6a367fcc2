"""Which values are alternatives to each other: colours, drinks, pets.

Lists settle it where a puzzle has them. Else each value may belong to the categories that can be spoken of in the way
it is spoken of (nobody drinks a colour), two values in one house belong to two categories, and a category has no more
values than there are houses. Where these leave a choice, familiar words are a hint.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from entailbench.logic.language.grammar import NotReadError
from entailbench.logic.language.zebra_claims import Value
from entailbench.logic.language.zebra_words import GENERAL_ROLES, HINTS, KINDS

__all__ = ["Categories", "Inventory", "Named", "categorize", "key_of", "suggests"]

MOST_CHOICES = 4
"""More ways to put the values into categories are not kept apart: the values concerned are not read."""
MOST_STEPS = 20_000
"""Steps of the search for a way to put the values into categories."""


def key_of(words: str) -> str:
    """What is equal for two spellings of one value: no case, spaces, hyphens or plural ending."""
    key = re.sub(r"[\W_]+", "", words.lower())
    if len(key) > 4 and key.endswith("ies"):
        return key[:-3] + "y"
    if len(key) > 4 and key.endswith(("xes", "ches", "shes", "sses")):
        return key[:-2]
    return key[:-1] if len(key) > 3 and key.endswith("s") and not key.endswith("ss") else key


@dataclass
class Named:
    """A value and how it is spoken of."""

    spelling: str
    """As first written."""
    roles: set[str] = field(default_factory=set)
    article: bool = True
    """Whether it is never written without an article."""
    kind: str = ""
    """The kind of the list it stands in, if any."""
    doubled: bool = False
    """Whether it stands in lists of two kinds."""


class Inventory:
    """The values of a puzzle, by key."""

    def __init__(self) -> None:
        self.values: dict[str, Named] = {}
        self._by_word: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, words: str, kind: str = "") -> Named:
        """The value of this spelling, new if there is none."""
        key = key_of(words)
        if key not in self.values:
            self.values[key] = Named(words, kind=kind)
            for word in words.split():
                self._by_word[key_of(word)].add(key)
        elif kind and kind != self.values[key].kind:
            self.values[key].doubled = True
        return self.values[key]

    def mention(self, value: Value, new: bool = True) -> None:
        """A clue speaks of a value."""
        key = self.find(value.words)
        named = self.values[key] if key else self.add(value.words) if new else None
        if named:
            named.roles.add(value.role)
            named.article = named.article and value.article

    def find(self, words: str) -> str | None:
        """The key of the value that is spelled so, or of the only listed one that has it as one of its words."""
        key = key_of(words)
        if key in self.values:
            return key
        containing = [other for other in self._by_word.get(key, ()) if self.values[other].kind]
        return containing[0] if len(containing) == 1 else None

    def named(self, words: str) -> str:
        """The spelling of a value that a clue speaks of; the words themselves for an unknown one."""
        key = self.find(words)
        return self.values[key].spelling if key else words

    def names_any(self, text: str) -> bool:
        """Whether a text has a value's words in it."""
        words = re.findall(r"\w[\w'-]*", text)
        return any(
            key_of("".join(words[start : start + length])) in self.values
            for length in (1, 2, 3)
            for start in range(len(words) - length + 1)
        )

    def resolve(self, words: str) -> str:
        """The spelling of the value that is meant, also by one of its words alone.

        Raises:
            NotReadError: there is none, or more than one.
        """
        key = key_of(words)
        if key in self.values:
            return self.values[key].spelling
        containing = sorted(self._by_word.get(key, ()))
        if len(containing) == 1:
            return self.values[containing[0]].spelling
        if containing:
            names = ", ".join(repr(self.values[other].spelling) for other in containing)
            raise NotReadError(f"{words!r} may be {names}")
        raise NotReadError(f"names {words!r}, which the puzzle does not have")


@dataclass(frozen=True)
class Categories:
    """How values may belong to categories."""

    choices: tuple[tuple[tuple[str, ...], ...], ...]
    """The ways that there are (at least one): groups of keys, in the order of the declared kinds."""
    names: tuple[str, ...]
    """What sets each way apart, as words; empty for the only one."""
    refused: Mapping[str, str]
    """Values (by key) that have no place in any, and why."""


def categorize(
    inventory: Inventory, declared: Sequence[str], together: Sequence[tuple[str, str]], places: int
) -> Categories:
    """Put values into categories.

    Args:
        inventory: the values.
        declared: kinds that the puzzle says there are.
        together: pairs of keys that a clue puts into one house.
        places: how many houses there are.
    """
    kinds = list(dict.fromkeys(declared))
    values = inventory.values
    listed = Counter(named.kind for named in values.values() if named.kind)
    closed = frozenset(kind for kind, count in listed.items() if count >= places)
    for named in values.values():  # a verb that no declared kind explains shows that there is another
        kinds += [kind for kind in _domain(named, kinds, closed)[:1] if kind not in kinds]
    wide = {key: _domain(named, kinds, closed) for key, named in values.items()}
    refused = {key: f"{values[key].spelling!r} has no place in any category" for key in wide if not wide[key]}
    refused |= {key: f"{named.spelling!r} is in two lists" for key, named in values.items() if named.doubled}
    wide = {key: domain for key, domain in wide.items() if key not in refused}
    narrow = {key: _hinted(values[key], domain) for key, domain in wide.items()}
    pairs = [pair for pair in together if not refused.keys() & set(pair)]
    search = _search(narrow, pairs, places) or _search(wide, pairs, places)
    if search is None:
        found = [_certain(narrow, places)]
        crowding = _crowding(narrow, places)
        refused |= {key: f"{values[key].spelling!r} fits nowhere: {crowding}" for key in wide.keys() - found[0].keys()}
    elif search.complete:
        found = search.ways
    else:
        found = [{key: next(iter(options)) for key, options in search.certain.items() if len(options) == 1}]
        for key in search.certain.keys() - found[0].keys():
            options = " or ".join(repr(kind) for kind in wide[key] if kind in search.certain[key])
            refused[key] = f"it is not certain what {values[key].spelling!r} is ({options})"
    order = list(dict.fromkeys([*kinds, *(kind for way in found for kind in way.values())]))
    choices = tuple(_groups(way, order, values) for way in found)
    return Categories(choices, tuple(_way_name(way, found, values) for way in found), refused)


def _groups(way: Mapping[str, str], order: Sequence[str], values: Mapping[str, Named]) -> tuple[tuple[str, ...], ...]:
    """The keys of each kind, in the order of the kinds and of the text."""
    groups: dict[str, list[str]] = {kind: [] for kind in order}
    for key in values:
        if key in way:
            groups[way[key]].append(key)
    return tuple(tuple(group) for group in groups.values() if group)


def _certain(domains: Mapping[str, tuple[str, ...]], places: int) -> dict[str, str]:
    """The values that can be of one kind only, of kinds that have not too many of them."""
    sure = {key: domain[0] for key, domain in domains.items() if len(domain) == 1}
    counts = Counter(sure.values())
    return {key: kind for key, kind in sure.items() if counts[kind] <= places}


def _crowding(domains: Mapping[str, tuple[str, ...]], places: int) -> str:
    """Why the values do not fit into the categories."""
    counts = Counter(domain[0] for domain in domains.values() if len(domain) == 1)
    for kind, count in counts.items():
        if count > places:
            return f"of {kind!r} there are {count} values, of houses {places}"
    return "there are more values than the categories can hold"


def _way_name(way: Mapping[str, str], ways: Sequence[Mapping[str, str]], values: Mapping[str, Named]) -> str:
    return ", ".join(
        f"{values[key].spelling}: {kind}" for key, kind in way.items() if any(other[key] != kind for other in ways)
    )


def _takes(kind: str, roles: set[str], unclaimed: frozenset[str]) -> bool:
    """Whether a category of the kind can be spoken of in all of these ways."""
    if kind in KINDS:
        return all(not role or role == kind or role in KINDS[kind].roles or _inside(kind, role) for role in roles)
    return all(not role or role == kind or role in GENERAL_ROLES or role in unclaimed for role in roles)


def _inside(kind: str, role: str) -> bool:
    """ "Lives in …" says a colour or a town."""
    return role == "inside" and kind in ("colour", "destination")


def _domain(named: Named, kinds: Sequence[str], closed: frozenset[str]) -> tuple[str, ...]:
    """The kinds that a value may belong to; closed ones have all their values already."""
    if named.kind:
        return (named.kind,)
    claimed = {role for kind in kinds if kind in KINDS for role in KINDS[kind].roles}
    unclaimed = frozenset(named.roles - claimed)
    taking = [kind for kind in kinds if _takes(kind, named.roles, unclaimed)]
    found = tuple(kind for kind in taking if kind not in closed)
    known = tuple(kind for kind in KINDS if kind not in closed and _takes(kind, named.roles, frozenset()))
    hinted = _hints(named)
    if found and (not hinted or hinted & set(found)):
        return found
    if hinted & set(known):
        return (*found, *(kind for kind in known if kind in hinted))
    if taking:
        return found
    if not known:
        verbs = named.roles - {""}
        return tuple(verbs) if len(verbs) == 1 and not verbs & set(closed) else ()
    if "name" in known and not named.article and named.spelling[:1].isupper():
        return ("name",)
    return ("nationality",) if {"name", "nationality"} <= set(known) else known[:1]


@cache
def _hint_keys() -> dict[str, frozenset[str]]:
    return {key_of(word): kinds for word, kinds in HINTS.items()}


def suggests(words: str) -> bool:
    """Whether words alone suggest a kind."""
    return bool(_hints(Named(words)))


def _hints(named: Named) -> frozenset[str]:
    """The kinds that a value's own words suggest: the last word, or the whole."""
    words = named.spelling.lower().split()
    if not words:
        return frozenset()
    keys = _hint_keys()
    found = next(
        filter(None, (HINTS.get(words[-1]), keys.get(key_of(named.spelling)), keys.get(key_of(words[-1])))), None
    )
    if not found and re.search(r"[a-z]{3}ings?$", words[-1]):
        return frozenset({"hobby"})
    return found or frozenset()


def _hinted(named: Named, domain: tuple[str, ...]) -> tuple[str, ...]:
    hinted = _hints(named)
    return tuple(kind for kind in domain if kind in hinted) or domain


@dataclass(frozen=True)
class _Found:
    """What a search for ways to put values into kinds found."""

    ways: list[dict[str, str]]
    certain: dict[str, set[str]]
    """The kinds that each value keeps after all that follows without trying."""
    complete: bool
    """Whether there are no other ways than ``ways``."""


def _search(domains: Mapping[str, tuple[str, ...]], together: Sequence[tuple[str, str]], places: int) -> _Found | None:
    """The ways to give each value a kind of its domain; None where there is none.

    No kind has more than ``places`` values; values of one house have different kinds as far as that leaves a choice.
    """
    left = {key: set(domain) for key, domain in domains.items()}
    apart: defaultdict[str, set[str]] = defaultdict(set)
    for first, second in together:
        if first != second and not (len(left[first]) == len(left[second]) == 1):
            apart[first].add(second)
            apart[second].add(first)
    room = Counter({kind: places for domain in domains.values() for kind in domain})
    if not _settle(left, apart, room, [key for key in left if len(left[key]) == 1]):
        return None
    certain, steps, stack = left, 0, [(left, room)]
    ways: list[dict[str, str]] = []
    while stack:
        left, room = stack.pop()
        steps += len(left)
        if steps > max(MOST_STEPS, len(left) + 1) or len(ways) > MOST_CHOICES:
            return _Found([], certain, complete=False)
        choice = min((key for key in left if len(left[key]) > 1), key=lambda key: len(left[key]), default=None)
        if choice is None:
            ways.append({key: next(iter(kinds)) for key, kinds in left.items()})
            continue
        for kind in sorted(left[choice], key=domains[choice].index, reverse=True):
            trial, rest = {key: set(kinds) for key, kinds in left.items()}, room.copy()
            trial[choice] = {kind}
            if _settle(trial, apart, rest, [choice]):
                stack.append((trial, rest))
    return _Found(ways, certain, complete=len(ways) <= MOST_CHOICES) if ways else None


def _settle(left: dict[str, set[str]], apart: Mapping[str, set[str]], room: Counter[str], settled: list[str]) -> bool:
    """Follow what settled values exclude; whether every value keeps a kind."""
    pending = list(settled)
    while pending:
        key = pending.pop()
        (kind,) = left[key]
        room[kind] -= 1
        if room[kind] < 0:
            return False
        losing = list(apart.get(key, ()))
        if room[kind] == 0:
            losing += left
        for other in losing:
            if len(left[other]) > 1 and kind in left[other]:
                left[other].discard(kind)
                if len(left[other]) == 1:
                    pending.append(other)
    return True
