"""What can be scored without reasoning: a model that does not beat these has not shown that it follows anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from entailbench.answered import Judged, ModelAnswers, Row
from entailbench.records import ENTAILMENT, LABELS, NOT_ENTAILMENT

__all__ = ["NEAREST", "QUESTION_ONLY", "RANDOM", "baselines"]

RANDOM = "stratified random"
QUESTION_ONLY = "question only"
NEAREST = "nearest training puzzle"

_WORD = r"(?u)\b\w+\b"
"""Words of one letter count: people may be called A and B."""
_BLOCK = 256
"""Rows that are compared with all training rows at a time; bounds the memory."""


def baselines(
    rows: Sequence[Row], train: Sequence[Row] | None, why_no_train: str, seed: int = 0
) -> tuple[ModelAnswers, ...]:
    """What four simple rules answer to the rows of a test.

    In this order: the best constant (the label that most of these rows have); labels drawn at random with the train
    split's shares (scikit-learn's ``DummyClassifier``), or with these rows' own where there is no train split, and the
    name says so; a logistic regression on the question's words (TF-IDF of single words and pairs) that never sees the
    puzzle, fitted on the train split, so that what it scores is what the wording gives away (Poliak et al. 2018,
    "Hypothesis Only Baselines in Natural Language Inference"); and the label of the training row whose puzzle and
    question are most alike (cosine of TF-IDF of words).

    Args:
        rows: what was asked; at least one.
        train: rows to learn from; None where there are none.
        why_no_train: the reason then, as half a sentence.
        seed: of the random labels.
    """
    if train is not None and not train:
        train, why_no_train = None, "the train split has no rows"
    return (
        _constant(rows),
        _random(rows, train, seed),
        _learned(QUESTION_ONLY, rows, train, why_no_train),
        _learned(NEAREST, rows, train, why_no_train),
    )


def _constant(rows: Sequence[Row]) -> ModelAnswers:
    # Where the labels tie, "not entailment": the study's table has it.
    label = ENTAILMENT if sum(row.gold == ENTAILMENT for row in rows) * 2 > len(rows) else NOT_ENTAILMENT
    return _answers(f'always "{label}"', rows, [label] * len(rows))


def _random(rows: Sequence[Row], train: Sequence[Row] | None, seed: int) -> ModelAnswers:
    from sklearn.dummy import DummyClassifier

    known = rows if train is None else train
    chance = DummyClassifier(strategy="stratified", random_state=seed)
    chance.fit([[0]] * len(known), [row.gold for row in known])
    name = RANDOM if train is not None else f"{RANDOM} (shares of the test rows)"
    return _answers(name, rows, chance.predict([[0]] * len(rows)))


def _learned(name: str, rows: Sequence[Row], train: Sequence[Row] | None, why_no_train: str) -> ModelAnswers:
    if train is None:
        return ModelAnswers(name, (), unavailable=why_no_train)
    if name == QUESTION_ONLY:
        texts, asked = [row.question for row in train], [row.question for row in rows]
        predict, missing = _fitted_to_words, "question"
    else:
        texts, asked = [_whole(row) for row in train], [_whole(row) for row in rows]
        predict, missing = _nearest, "puzzle or question"
    if not any(text.strip() for text in texts):
        return ModelAnswers(name, (), unavailable=f"the rows of the train split have no {missing}")
    labels = [row.gold for row in train]
    if len(set(labels)) == 1:
        # Whatever is learned from one label is that label.
        return _answers(name, rows, labels[:1] * len(rows))
    try:
        return _answers(name, rows, predict(texts, labels, asked))
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        return ModelAnswers(name, (), unavailable="the train split's texts have no words")


def _fitted_to_words(texts: Sequence[str], labels: Sequence[str], asked: Sequence[str]) -> Sequence[Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    words = TfidfVectorizer(token_pattern=_WORD, ngram_range=(1, 2))
    # Unweighted it would mostly say the commoner label, and hide from balanced accuracy what the words give away.
    model = make_pipeline(words, LogisticRegression(class_weight="balanced", max_iter=1000))
    predicted: Sequence[Any] = model.fit(texts, labels).predict(asked)
    return predicted


def _nearest(texts: Sequence[str], labels: Sequence[str], asked: Sequence[str]) -> Sequence[Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=_WORD)
    known = words.fit_transform(texts).T.tocsc()
    wanted = words.transform(asked)
    usual = Counter(labels).most_common(1)[0][0]
    found: list[str] = []
    for start in range(0, len(asked), _BLOCK):
        likeness = (wanted[start : start + _BLOCK] @ known).toarray()  # rows of unit length: the product is the cosine
        nearest = likeness.argmax(axis=1)  # of equally near ones the first
        for row, place in zip(likeness, nearest, strict=True):
            # A row that shares no word with any other is near to none.
            found.append(labels[place] if row[place] > 0 else usual)
    return found


def _whole(row: Row) -> str:
    return f"{row.context}\n{row.question}"


def _answers(name: str, rows: Sequence[Row], labels: Sequence[Any]) -> ModelAnswers:
    predicted = [str(label) for label in labels]
    if wrong := set(predicted) - set(LABELS):
        raise ValueError(f"{name} gave {wrong}, which are no labels")
    return ModelAnswers(name, tuple(Judged(row.doc_id, label) for row, label in zip(rows, predicted, strict=True)))
