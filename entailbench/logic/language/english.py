"""English as characters: a text into sentences, a sentence into words.

Both are one scan with regular expressions that cannot backtrack, so any text, however long or odd, takes time
proportional to its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from entailbench.logic.puzzle import Sentence

__all__ = [
    "FUNCTION_WORDS",
    "NUMBERS",
    "ORDINALS",
    "TOO_LONG",
    "asks",
    "join",
    "number",
    "ordinal",
    "sentences",
    "vocabulary",
    "words",
]

TOO_LONG = 20_000
"""A sentence of more characters is not looked at: a list of 500 names fits."""

_STOP = re.compile(
    r"[.?!…。？！]+[\"'”’»)\]]*"  # a full stop with the quotes and brackets it closes
    r"|:(?=[^\S\n]{0,9}\n?[^\S\n]{0,9}\(?\d{1,3}[.)])"  # the colon before numbered hints
    r"|\n(?=[^\S\n]*(?:\n|[-*•–]\s|\(?\d{1,3}[.)]))"  # an empty line, or the next item of a list
)
_QUOTE = re.compile(
    r"[\"“”„«»]"
    r"|(?<!\w)['‘’](?=\s{0,2}\w)"  # a single quote that may open
    r"|['’](?!\w)"  # one that may close, if one is open; else an apostrophe
)
_GOES_ON = re.compile(r"\s{0,3},?\s{0,3}[^\W\d_A-Z]")
_MARKER = re.compile(r"[\s\-*•–]*(?:\(?\d{1,3}\s?[.):](?!\d)\s*)?")
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|St|e\.g|i\.e|vs)$")
_WORD = re.compile(
    r"(?:Mr|Mrs|Ms|Dr|Prof|St)\.(?=\s+[^\W\d_])"
    r"|[^\W_][\w\u0300-\u036f]*(?:['’\-\u2010\u2011][^\W_][\w\u0300-\u036f]*)*"
    r"|\S"
)
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "’": "'", "\u2010": "-", "\u2011": "-"})

_CONTRACTIONS = {
    f"{verb}n't": (verb, "not")
    for verb in ("is", "are", "was", "were", "did", "does", "do", "could", "would", "has", "have", "had")
} | {"can't": ("can", "not"), "cannot": ("can", "not"), "won't": ("will", "not"), "i'm": ("I", "am")}


def vocabulary(words: str) -> frozenset[str]:
    """The words of a string."""
    return frozenset(words.split())


def _counted(words: str, start: int) -> dict[str, int]:
    return {word: value for value, word in enumerate(words.split(), start)}


NUMBERS = _counted(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty",
    start=0,
)
ORDINALS = _counted(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth",
    start=1,
)

FUNCTION_WORDS = (
    vocabulary(
        "a about above according after again all also although am among amongst an and another any anybody anyone "
        "apart are as at be because before being below besides between both but by can cannot compare consider "
        "could determine did do does each either else every everybody everyone everything exactly except false "
        "few finally find following for from further furthermore given had half has have he hence her here hers "
        "him his how however i if in inhabitant inhabitants is it its just knave knaves knight knights knowing "
        "least less let liar liars like many me more moreover most much my name neither no nobody none nor not "
        "note nothing now of on one only or other others our out people person same say says several she "
        "similarly since so some somebody someone still suppose supposing than that the their them then there "
        "therefore these they this those though thus to too true unless us was we were what when where whereas "
        "which while who whom whose why will with without would yes yet you your"
    )
    | NUMBERS.keys()
    | ORDINALS.keys()
)
"""Words that are no names although a sentence may begin with them, and so with a capital letter."""


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text with their positions: ``text[s.start : s.start + len(s.text)] == s.text``.

    A sentence ends at a full stop, question or exclamation mark (also where the next one follows without a space),
    at an empty line, and before a numbered hint or list item, whose number is left out. A full stop within a number or
    after "Mr" ends none, nor does one within a quotation, whose sentences belong to whoever speaks; the last sentence
    may lack its own.
    """
    found: list[Sentence] = []
    quotations = _quotations(text)
    quotation = next(quotations, None)
    start = _MARKER.match(text, 0).end()  # type: ignore[union-attr]  # it matches the empty string
    for stop in _STOP.finditer(text):
        end = stop.end()
        while quotation and quotation[1] <= stop.start():
            quotation = next(quotations, None)
        if stop.start() < start or not _ends(text, stop):
            continue
        if quotation and quotation[0] < stop.start():
            if text[end : quotation[1] - 1].strip():
                continue
            end = max(end, quotation[1])
            if _GOES_ON.match(text, end):
                continue
        _keep(found, text, start, end)
        start = _MARKER.match(text, end).end()  # type: ignore[union-attr]  # it matches the empty string
    _keep(found, text, start, len(text))
    return found


def _quotations(text: str) -> Iterator[tuple[int, int]]:
    """Where quotations begin and end, both with their marks; one in double quotes that does not end goes on to the end.

    A single quote that nothing closes is an apostrophe.
    """
    opened, mark = -1, ""
    for quote in _QUOTE.finditer(text):
        single = quote[0] in "'‘’"
        if opened < 0:
            closes_only = quote[0] in "”»" or (single and text[quote.start() - 1 : quote.start()].isalnum())
            opened, mark = (opened, mark) if closes_only else (quote.start(), quote[0])
        elif single == (mark in "'‘’") and quote[0] not in "“„«‘" and not (single and _opens_only(text, quote)):
            yield opened, quote.end()
            opened = -1
    if opened >= 0 and mark not in "'‘’":
        yield opened, len(text) + 1


def _opens_only(text: str, quote: re.Match[str]) -> bool:
    return text[quote.end() : quote.end() + 1].isalnum()


def _ends(text: str, stop: re.Match[str]) -> bool:
    """Whether a full stop ends a sentence."""
    if stop[0] != ".":
        return True
    after = text[stop.end() : stop.end() + 1]
    if after.isdigit():
        return not text[stop.start() - 1 : stop.start()].isdigit()
    if after.islower():
        return False
    return not _ABBREVIATION.search(text[max(0, stop.start() - 6) : stop.start()])


def _keep(found: list[Sentence], text: str, start: int, end: int) -> None:
    stretch = text[start:end]
    if any(character.isalnum() for character in stretch):
        found.append(Sentence(stretch.strip(), start + len(stretch) - len(stretch.lstrip())))


def words(sentence: str) -> list[str]:
    """The words and signs of a sentence, without the sign that ends it.

    Contractions are written out ("isn't" → "is", "not"), typographic quotes and apostrophes made plain.
    """
    found: list[str] = []
    for match in _WORD.finditer(sentence):
        word = match[0].translate(_QUOTES)
        found.extend(_CONTRACTIONS.get(word.lower(), ('"' if word == "'" else word,)))
    while found and found[-1] in {".", "?", "!", "…", "。", "？", "！"}:
        found.pop()
    return [
        word
        for word, after in zip(found, [*found[1:], ""], strict=False)
        if after != '"' or word not in {".", "!", ","}
    ]


def asks(sentence: Sentence) -> bool:
    """Whether a sentence ends in a question mark."""
    return sentence.text.rstrip(" \"'”’)").endswith(("?", "？"))


def number(word: str) -> int | None:
    """The value of "two" or "2"; None where it is no number up to 999."""
    return NUMBERS.get(word) if not word.isdecimal() else int(word) if len(word) <= 3 else None


def ordinal(word: str) -> int | None:
    """The value of "second" or "2nd"; None where it is no ordinal up to 999."""
    if match := re.fullmatch(r"(\d{1,3})(?:st|nd|rd|th)", word, re.ASCII):
        return int(match[1])
    return ORDINALS.get(word)


def join(names: Sequence[str]) -> str:
    """``"'Ann' and 'Bob'"``, for a message."""
    quoted = [repr(name) for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
