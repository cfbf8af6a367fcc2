"""What every puzzle of knights and knaves says of its island: that knights tell the truth, that knaves lie.

A sentence is such a custom only where all of it fits the forms below; "knights always lie", "there are knights, knaves
and spies", "a knight greets you" do not, and are unread.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["is_custom"]

_TOO_LONG = 400
"""Characters; no island needs more."""

_KNIGHT = r"(?:knights?|truth-?tellers?|truth tellers?)"
_KNAVE = r"(?:knaves?|liars?)"
_ARTICLE = r"(?:(?:a|the|an|every|each|any|all|all the) )?"
_TRULY = (
    r"(?:(?:can |will |must )?(?:always |only |do always )*(?:tells?|speaks?|says?) (?:only )?(?:the truth|truths)"
    r"|(?:always |only )*makes? (?:only )?true statements|never (?:lies?|tells? (?:a lie|lies)))"
)
_FALSELY = (
    r"(?:(?:can |will |must )?(?:always |only |do always )*(?:lies?|tells? (?:only )?(?:lies|falsehoods))"
    r"|(?:always |only )*makes? (?:only )?false statements|never (?:tells?|speaks?) the truth)"
)
_A_KNIGHT = rf"{_ARTICLE}{_KNIGHT}(?: (?:who|that|which) {_TRULY})?"
_A_KNAVE = rf"{_ARTICLE}{_KNAVE}(?: (?:who|that|which) {_FALSELY})?"
_OR = rf"(?:either )?(?:{_A_KNIGHT} or {_A_KNAVE}|{_A_KNAVE} or {_A_KNIGHT})"
_AND = rf"(?:{_A_KNIGHT} and {_A_KNAVE}|{_A_KNAVE} and {_A_KNIGHT})"
_LAND = (
    r"(?:a|an|the|this|that|our) (?:(?:very )?(?:small|special|strange|remote|certain|little|distant|famous) )*"
    rf"(?:island|land|village|town|country|planet)(?: of {_AND})?"
)
_HERE = rf"(?:here|there|(?:on|in|at) {_LAND})"
_THEY = (
    r"(?:each|every|any|all|the|all of the|all the)? ?(?:inhabitants?|people|person|residents?|islanders?|natives?)"
    r"|everyone|everybody|anyone|anybody"
)
_ALL = rf"(?:{_THEY})(?: (?:(?:who )?lives? )?{_HERE}| of {_LAND})?"
_FACTS = (
    rf"{_A_KNIGHT} {_TRULY}(?: and {_A_KNAVE} {_FALSELY})?",
    rf"{_A_KNAVE} {_FALSELY}(?: and {_A_KNIGHT} {_TRULY})?",
    rf"{_ALL} (?:is|are) {_OR}",
    rf"(?:there (?:is|lies|was) )?{_LAND}(?: (?:is|that is|which is))? (?:inhabited|populated) (?:only )?by {_AND}",
    rf"(?:only )?{_AND} live {_HERE}",
    rf"{_HERE} live (?:only )?{_AND}",
    rf"there (?:is|lies|was) {_LAND}",
    rf"there are (?:only )?two (?:kinds|types|sorts) of (?:people|inhabitants|islanders)(?: {_HERE})? {_AND}",
    rf"(?:you are |you visit |you have come to |imagine )(?:visiting )?{_HERE}(?: inhabited (?:only )?by {_AND})?",
    rf"you (?:are visiting|visit) {_LAND}(?: inhabited (?:only )?by {_AND})?",
)
_FACT = "(?:" + "|".join(f"(?:{fact})" for fact in _FACTS) + ")"
_CUSTOM = re.compile(
    rf"(?:{_HERE} )?{_FACT}(?: (?:(?:and|while|whereas|but|;|where|(?:on|in) which|{_HERE}) )?{_FACT}){{0,4}}"
    rf"|{_HERE} where {_FACT}(?: {_FACT})?(?: (?:and|while|whereas|but|;) {_FACT}){{0,3}}"
)


def is_custom(said: Sequence[str]) -> bool:
    """Whether a sentence says no more than what knights and knaves are, and that everybody is one of them."""
    text = " ".join(word.lower() for word in said if word not in {",", ":"})
    return len(text) <= _TOO_LONG and _CUSTOM.fullmatch(text) is not None
