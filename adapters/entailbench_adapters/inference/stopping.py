"""Stop strings: whether a row has written one, without decoding what cannot have completed one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNFINISHED = "�"
"""What a tokenizer writes for bytes that are no character yet."""


class StopStrings:
    """Asked after each token of a row whether its text now contains a stop string.

    Only the tail that can newly hold one is decoded: a token has at least one byte, and a few more make up for a
    character cut in two at the tail's start.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stops: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._stops = tuple(stops)
        self._tail = max((len(stop.encode()) for stop in self._stops), default=0) + 4
        self._last = {stop[-1] for stop in self._stops}
        # Tokenizers add and drop spaces depending on the neighbours.
        self._every = any(character.isspace() and character != "\n" for character in self._last)
        self._may_complete: dict[int, bool] = {}

    def __call__(self, written: list[int]) -> bool:
        """Whether a stop string ends with the last of the tokens ``written``."""
        if not self._stops or not self._completes(written[-1]):
            return False
        text = str(self._tokenizer.decode(written[-self._tail :]))
        return any(stop in text for stop in self._stops)

    def cut(self, text: str) -> str:
        """The text before its first stop string."""
        for stop in self._stops:
            text = text.split(stop, 1)[0]
        return text

    def _completes(self, token: int) -> bool:
        """Whether a stop string can end with this token: its text has the last character of one."""
        known = self._may_complete.get(token)
        if known is None:
            text = str(self._tokenizer.decode([token]))
            known = self._every or not text or UNFINISHED in text or any(last in text for last in self._last)
            self._may_complete[token] = known
        return known
