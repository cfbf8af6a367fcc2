"""The frame of a grid puzzle: its numbered hints, how many houses there are, which categories and which values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from entailbench.logic.language.english import NUMBERS, sentences
from entailbench.logic.language.zebra_words import KIND_NOUNS
from entailbench.logic.puzzle import Sentence

__all__ = ["Frame", "Listed", "Text", "declares", "frame_of", "from_right", "says_more", "split", "unlisted"]

MOST_LISTED = 500
"""A sentence that lists more values is not searched for others."""

_NUMBERED = re.compile(r"(?P<number>\d{1,5})[.)]\s*(?=[^\W\d_]|[\"'“‘])")
_BEFORE_NUMBER = re.compile(r"(?:[.,:;?!)\n\]]|\b(?:hints?|clues?|conditions?|facts?|rules?|that))\s*$", re.IGNORECASE)
_MARKER = re.compile(
    r"(?:\b(?:hints?|clues?|conditions?|facts?)\b[^.:?!]{0,40}|\bwe know(?: that)?|\bit is known(?: that)?)\s*:",
    re.IGNORECASE,
)

_COUNT = re.compile(
    r"(?<!\bno )(?<!\bany )\b(\d{1,6}|" + "|".join(NUMBERS) + r")\s+(?:[\w-]+\s+){0,2}?"
    r"(?:houses?|homes|people|persons|m[ae]n|women|girls|boys|friends|neighbou?rs|owners|students|colleagues|children)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\b(\d{1,6}|" + "|".join(NUMBERS) + r")\s+([a-z]+s)\b", re.IGNORECASE)
_NOT_COUNTED = re.compile(
    r"(?:house|home|friend|girl|boy|guy|owner|person|resident|inhabitant|occupant|tenant|student|neighbou?r|individual|"
    r"driver|drinker|smoker|eater|keeper|breeder|player|reader|lover|clue|hint|type|kind|statement|fact|rule|step|time|word|other)s$|.*(?:ou|i)s$"
)
_A_PERSON = re.compile(r"(?:ist|ian|er|or|ant|ent|ee|mate)s$")
_COUNT_OF_HOUSES = re.compile(
    r"(?<!\bno )(?<!\bany )\b(\d{1,6}|" + "|".join(NUMBERS) + r")\s+(?:[a-z-]+\s+){0,2}?(?:houses|homes)\b"
    r"(?! (?:between|to|from|away|left|right|apart)\b)",
    re.IGNORECASE,
)
_NO_ROW = re.compile(
    r"\b(?:in a (?:circle|ring|square|round)|circular|around|(?:both|opposite|two) sides|"
    r"two (?:rows|streets)|opposite|floors?)\b",
    re.IGNORECASE,
)
_NUMBERING = re.compile(
    r"\b(?:numbered|lettered|label+ed|houses (?:are )?counted|houses, counted|numbering|"
    r"numbers? (?:run|go|increase|rise|grow|start|begin)s?)\b"
    r"([^.;:()]{0,80})",
    re.IGNORECASE,
)
_SPAN = re.compile(
    r"\b(\d{1,6}|[a-z]|" + "|".join(NUMBERS) + r") ?(?:to|through|-|–) ?(\d{1,6}|[a-z]|" + "|".join(NUMBERS) + r")\b"
)
_LIST_SPLIT = re.compile(r"\s*[,;]\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+")
_PARENTHESES = re.compile(r"\(([^()]*)\)")
_WORD = re.compile(r"[^\W\d_][\w-]*")
_PEOPLE = re.compile(r"\b(?:people|persons|men|women|girls|boys|friends|neighbou?rs|owners|students|residents)\b", re.I)
_HOUSES = re.compile(r"\bhouses?\b", re.IGNORECASE)
_DECLARATION = re.compile(
    r"\b(?:different|differing|distinct|unique|certain|each|every|exactly one|no two|one of the following|consecutive|"
    r"following|same)\b|\bin a row\b|\bnumbered\b|\b(?:there are|live|are living)\b.{0,80}\bhouses\b",
    re.IGNORECASE,
)
_ARE_LIST = re.compile(r"\b(?:are|drink|own|keep|smoke|have|eat|like|grow|drive|play)\s+(?=[^,]{1,60},)", re.IGNORECASE)
_WHO_LIST = re.compile(
    r"\b(?:friends|people|men|women|girls|boys|neighbou?rs|students|colleagues),? (?:named |called )?"
    r"([A-Z][^.:;()]{2,300}?),? (?:live|are|stand|sit|own|each|have)\b"
)
_SAYS_MORE = re.compile(
    r"\b(?:(?:very )?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last|middle|cent(?:re|er))"
    r"(?: (?:and|or|to|is|are|has|was|does|house|home|one|two|three|person|man|woman|owner|of)\b|,)|"
    r"left ?most|right ?most|"
    r"empty|vacant|uninhabited|unoccupied|abandoned|except|unless|if|but|false|lies?|lying|untrue|wrong|incorrect|"
    r"nobody|never|neither|nor|not|(?:one|two|three|four|half|some|only|few) of (?:the|these|them|which|whom)\b|"
    r"(?:at least|at most|only|more than|less than|fewer than))\b",
    re.IGNORECASE,
)
_ORDERED = re.compile(
    r"\bleft[- ]to[- ]right\b|\bright[- ]to[- ]left\b|\bfrom the (?:left|right)\b|\brespectively\b|"
    r"\bin (?:this|that|the (?:given|following|listed|same)) order\b",
    re.IGNORECASE,
)
_NUMBERED_SO = re.compile(
    r"\b(?:numbered|lettered|label+ed|counted|called|named|houses in a row|[a-h](?:, ?[a-h]){1,8},? and [a-h])\b"
    r"[^.;:()]{0,40}?\bleft[- ]to[- ]right\b|\b(?:numbered|lettered|label+ed)\b[^.;:()]{0,40}?\bright[- ]to[- ]left\b",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^(?:the|an?|some)\s+|\s+(?:ones?|house)$", re.IGNORECASE)


@dataclass(frozen=True)
class Text:
    """A puzzle's sentences, apart."""

    preamble: tuple[Sentence, ...]
    """Before the clues; all sentences but the first declarations where the clues bear no numbers."""
    clues: tuple[Sentence, ...]
    numbered: bool


@dataclass(frozen=True)
class Listed:
    """A category whose values the puzzle lists."""

    kind: str
    """A name of ``KINDS``, or the word that the puzzle uses."""
    values: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """What a puzzle says before its clues."""

    places: int
    """How many houses there are; 0 where it is not said."""
    kinds: tuple[str, ...]
    """The kinds that it mentions, each once."""
    lists: tuple[Listed, ...]
    from_right: bool | None = False
    """Whether the houses are numbered from right to left; None where that is not clear."""
    trouble: str = ""
    """Why no clue can be read; empty where they can."""
    listing: frozenset[int] = field(default_factory=frozenset)
    """Where the sentences start that hold a list."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """What the puzzle calls those in the row ("musician", "ship") → the grammar's word for it."""

    def in_known_words(self, sentence: str) -> str:
        """A sentence with the puzzle's word for those in the row replaced by one that the grammar has."""
        for word, known in self.stand_ins.items():
            sentence = re.sub(rf"\b{word}(?:s?\b)", known, sentence, flags=re.IGNORECASE)
        return sentence


def split(text: str) -> Text:
    """A puzzle's preamble and clues.

    Numbered clues ("1. … 2) …") begin with their number and may end with any sign or none; numbers may be missing but
    must rise. Without numbers, or after them, a sentence ends as ``english.sentences`` says.
    """
    starts: list[tuple[int, int]] = []
    last = 0
    for match in _NUMBERED.finditer(text):
        number = int(match["number"])
        before = text[max(0, match.start() - 20) : match.start()]
        if last < number <= last + 20 and (not before.strip() or _BEFORE_NUMBER.search(before)):
            starts.append((match.start(), match.end()))
            last = number
    if starts:
        clues: list[Sentence] = []
        ends = [start for start, _ in starts[1:]] + [len(text)]
        for (_, start), end in zip(starts, ends, strict=True):
            clues.extend(_sentences(text, start, end))
        return Text(_sentences(text, 0, starts[0][0]), tuple(clues), numbered=True)
    if marker := _MARKER.search(text):
        return Text(_sentences(text, 0, marker.end()), _sentences(text, marker.end(), len(text)), numbered=False)
    found = _sentences(text, 0, len(text))
    declared = [number for number, sentence in enumerate(found) if declares(sentence.text)]
    first = declared[-1] + 1 if declared else 0
    return Text(found[:first], found[first:], numbered=False)


def _sentences(text: str, start: int, end: int) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(sentence.text.rstrip(" ,;"), start + sentence.start)
        for sentence in sentences(text[start:end].rstrip(" ,;"))
    )


def declares(sentence: str) -> bool:
    """Whether a sentence says what there is, and nothing of what is where."""
    return bool(_DECLARATION.search(sentence))


def from_right(text: str) -> bool | None:
    """Whether a puzzle numbers its houses from right to left; None where that is not clear."""
    said: set[bool | None] = set()
    for match in _NUMBERING.finditer(text):
        how = match[1].lower().replace("-", " ")
        right = bool(re.search(r"\bright to (?:the )?left\b|\b(?:from|at|on) (?:the )?(?:far )?right\b", how))
        left = bool(re.search(r"\bleft to (?:the )?right\b|\b(?:from|at|on) (?:the )?(?:far )?left\b", how))
        span = _SPAN.search(how)
        down = span is not None and _rank(span[1]) > _rank(span[2])
        if (right and left) or (down and not right and not left) or re.search(r"\bde(?:creas|scend)", how):
            said.add(None)
        elif right or left:
            said.add(right != down)
    return None if None in said or len(said) > 1 else True in said


def _rank(word: str) -> int:
    """A number, or a letter's place in the alphabet."""
    return int(word) if word.isdigit() else NUMBERS.get(word) or ord(word[0]) - ord("a") + 1


def says_more(sentence: str) -> bool:
    """Whether a sentence without a clue's form may say what is where, or that a clue is false.

    Such are a place ("the first is red"), an order of what is listed, "empty", an exception, things that are the same.
    """
    plain = re.sub(r"\bnot necessarily\b[^.;()]{0,40}\border\b", " ", " ".join(sentence.split()), flags=re.IGNORECASE)
    if _SAYS_MORE.search(plain):
        return True
    if _lists(plain):
        return bool(_ORDERED.search(_NUMBERED_SO.sub(" ", plain)))
    denied = re.match(r"(?:and )?(?:no|never|none|neither)\b", plain, re.IGNORECASE)
    return not denied and bool(re.search(r"\bsame\b|\bor\b", _PARENTHESES.sub(" ", plain), re.IGNORECASE))


def unlisted(sentence: str) -> str:
    """A sentence without the values that it lists and the names of what they are."""
    sentence = re.sub(r"\b(?:chocolate|candy) bars?\b", " ", sentence, flags=re.IGNORECASE)
    lists = _lists(sentence)
    if sum(len(listed.values) for listed in lists) > MOST_LISTED:
        return sentence
    for listed in lists:
        for value in listed.values:
            sentence = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", " ", sentence, count=1)
    return sentence


def frame_of(text: str, preamble: tuple[Sentence, ...], asked: tuple[Sentence, ...]) -> Frame:
    """What the preamble declares; the final questions may name a category more."""
    places = 0
    kinds: dict[str, None] = {}
    lists: list[Listed] = []
    listing: set[int] = set()
    houses: set[int] = set()
    trouble = ""
    for sentence in preamble:
        words = sentence.text
        houses |= {_counted(match[1]) for match in _COUNT_OF_HOUSES.finditer(words)} - {1}
        if _HOUSES.search(words) and _NO_ROW.search(_PARENTHESES.sub(" ", words)):
            trouble = "the houses may stand in no row"
        if not places and (count := _COUNT.search(words)):
            places = NUMBERS.get(count[1].lower()) or int(count[1] if count[1].isdigit() else 0)
        found = _lists(words)
        for listed in found:
            if all(listed.kind != other.kind for other in lists):
                lists.append(listed)
                listing.add(sentence.start)
        kinds.update(dict.fromkeys(_kinds(_PARENTHESES.sub(" ", words))))
        kinds.update(dict.fromkeys(listed.kind for listed in found))
    for sentence in asked:
        kinds.update(dict.fromkeys(_kinds(_PARENTHESES.sub(" ", sentence.text))))
    if len(houses) > 1:
        trouble = "how many houses is said in two ways"
    elif houses:
        places = houses.pop()
    if not places and (counted := _COUNTED.search(" ".join(sentence.text for sentence in preamble))):
        word = _singular(counted[2].lower())
        if word not in KIND_NOUNS and not _NOT_COUNTED.match(counted[2].lower()):
            places = NUMBERS.get(counted[1].lower()) or int(counted[1] if counted[1].isdigit() else 0)
    if not places and lists and len({len(listed.values) for listed in lists}) == 1:
        places = len(lists[0].values)
    named = {value.lower() for listed in lists for value in listed.values}
    return Frame(
        places,
        tuple(kinds),
        tuple(lists),
        from_right(text),
        trouble,
        frozenset(listing),
        _stand_ins(preamble, places, named),
    )


def _stand_ins(preamble: tuple[Sentence, ...], places: int, named: set[str]) -> dict[str, str]:
    """Nouns of which the puzzle has as many as houses, if they are neither categories nor values."""
    found: dict[str, str] = {}
    for sentence in preamble:
        for count, noun in _COUNTED.findall(sentence.text.lower()):
            word = _singular(noun)
            known = word in KIND_NOUNS or word in named or noun in named or _NOT_COUNTED.match(noun)
            if (NUMBERS.get(count) or int(count if count.isdigit() else 0)) == places and not known and len(found) < 3:
                found[word] = "person" if _A_PERSON.search(noun) else "one"
    return found


def _counted(word: str) -> int:
    return NUMBERS.get(word.lower()) or int(word if word.isdigit() else 0)


def _kinds(text: str) -> list[str]:
    """The kinds that a text names, in order."""
    return [KIND_NOUNS[noun] for word in _WORD.findall(text.lower()) if (noun := _singular(word)) in KIND_NOUNS]


def _singular(word: str) -> str:
    """A noun without its plural ending: "hobbies" → "hobby"."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _lists(text: str) -> list[Listed]:
    """The lists of values in a sentence: in brackets, after a colon, or "the drinks are tea, milk and water"."""
    found: list[Listed] = []
    position = 0
    for match in _PARENTHESES.finditer(text):
        values = _items(match[1])
        label = _label(text[position : match.start()], last=True)
        if values and label:
            found.append(Listed(label, values))
        position = match.end()
    if found:
        return found
    if (who := _WHO_LIST.search(text)) and (values := _items(who[1])):
        return [Listed("name", values)]
    head, colon, tail = text.partition(":")
    if not colon:
        verb = _ARE_LIST.search(text)
        if not verb or declares(text):
            return []
        head, tail = text[: verb.end()], text[verb.end() :]
    values, label = _items(tail), _label(head, last=False)
    return [Listed(label, values)] if values and label else []


def _label(text: str, last: bool) -> str:
    """The kind of the values that a list after the text names; empty where the text names none."""
    kinds = _kinds(text)
    if kinds:
        return kinds[-1] if last else kinds[0]
    if people := _PEOPLE.search(text):
        return "name" if people else ""
    if _HOUSES.search(text):
        return "colour"
    words = _WORD.findall(text)
    return _singular(words[-1].lower()) if last and words else ""


def _items(text: str) -> tuple[str, ...]:
    """The values of a list "a red one, a green one and a blue one"; empty if it is none, or one of letters."""
    items = tuple(_ITEM.sub("", item.strip(' .!?:"“”')).strip() for item in _LIST_SPLIT.split(text.strip(" .!?")))
    items = tuple(item for item in items if item)
    if len(items) < 2 or any(len(item.split()) > 4 or not _WORD.match(item) for item in items):
        return ()
    return () if all(len(item) == 1 for item in items) else items
