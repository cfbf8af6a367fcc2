"""A made-up run: rows and answers as a real one has them, and some that want to break the page."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from entailbench.answered import Judged, ModelAnswers, PerturbedRow, Row, TaskAnswers
from entailbench.records import ENTAILMENT, LABELS, NOT_ENTAILMENT, UNPARSED, ModelIdentity

NAMES = ["Ada", "Bo", "Cleo", "Dag", "Eve", "Finn", "Gus", "Hedda", "Ivo", "Jana", "Kaj", "Lotte"]
WORDS = {
    "heights": ("taller", "shorter"),
    "ages": ("older", "younger"),
    "speeds": ("faster", "slower"),
}
"""Family → a relation and its opposite."""
ASK = "Does the statement follow from the text? Answer with one label: entailment, or not entailment."
HOSTILE = {
    3: "<script>document.title = 'broken in'</script> entailment",
    4: "</table></pre></script><img src=x onerror=\"document.title='broken in'\"> not entailment",
    5: "👩‍🔬 entailment 🎉 ✅",
    6: "‮לא נובע — not entailment",
    7: "entailment, because " + "<b>very</b> " * 9_000 + "long",
    8: "half an emoji \ud83d entailment",
}
"""Row → what the last model wrote there."""


def rows(count: int, seed: int = 0) -> tuple[Row, ...]:
    """Puzzles of three to seven people in a row, five questions each."""
    chance = random.Random(seed)
    found: list[Row] = []
    while len(found) < count:
        family = chance.choice(list(WORDS))
        more, less = WORDS[family]
        people = chance.sample(NAMES, chance.randint(3, 7))
        clues = [
            f"{a} is {more} than {b}." if chance.random() < 0.5 else f"{b} is {less} than {a}."
            for a, b in itertools.pairwise(people)
        ]
        gap = chance.randrange(len(clues)) if chance.random() < 0.4 else None
        if gap is not None:
            clues.pop(gap)
        puzzle = f"{family}-{len(found):05d}"
        for _ in range(min(5, count - len(found))):
            first, second = sorted(chance.sample(range(len(people)), 2))
            cut = gap is not None and first <= gap < second
            truth = "not entailment - unknown" if cut else ENTAILMENT
            if chance.random() < 0.5:
                first, second = second, first
                truth = truth if cut else "not entailment - contradiction"
            low, high = min(first, second), max(first, second)
            found.append(
                Row(
                    doc_id=len(found),
                    id=f"{puzzle}-{first}{second}",
                    puzzle=puzzle,
                    context=" ".join(clues),
                    question=f"{people[first]} is {more} than {people[second]}.",
                    gold=ENTAILMENT if truth == ENTAILMENT else NOT_ENTAILMENT,
                    truth=truth,
                    published=truth,
                    verified=truth,
                    proof="" if cut else " > ".join(people[low : high + 1]),
                    facets={
                        "family": family,
                        "premises": len(clues),
                        "question_form": "pair",
                        **({} if cut else {"depth": high - low}),
                    },
                )
            )
    return tuple(found)


def answers(name: str, asked: Sequence[Row], skill: float, unparsed: float, seed: int) -> tuple[Judged, ...]:
    """Right with a chance that falls with depth; wordy where it is not parsed."""
    chance = random.Random(f"{name} {seed}")
    found = []
    for row in asked:
        depth = int(row.facets.get("depth", 3))
        right = chance.random() < 0.5 + (skill - 0.5) * (1.15 - 0.12 * depth)
        said = row.gold if right else LABELS[row.gold == ENTAILMENT]
        text = f"{row.proof}: {said}" if name == "lora" and row.proof else said
        if chance.random() < unparsed:
            said, text = UNPARSED, f"Let us look at {row.question} It is hard to say from what is given."
        found.append(
            Judged(
                doc_id=row.doc_id,
                predicted=said,
                text=text,
                prompt=f"<|im_start|>user\n{ASK}\n\nText: {row.context}\nStatement: {row.question}<|im_end|>\n"
                + ("<|im_start|>assistant\n" if name != "gpt35" else ""),
                exact=said != UNPARSED,
                proof=(right if name == "lora" and row.proof and said != UNPARSED else None),
            )
        )
    return tuple(found)


def put_otherwise(asked: Sequence[Row], seed: int) -> tuple[PerturbedRow, ...]:
    """Every row with its premises shuffled, and negated where the answer is known."""
    chance = random.Random(seed)
    found: list[PerturbedRow] = []
    for row in asked:
        clues = row.context.split(". ")
        shuffled = ". ".join(clue.removesuffix(".") for clue in chance.sample(clues, len(clues))) + "."
        question = row.question.replace(" is ", " is not ")
        opposite = ENTAILMENT if row.truth.endswith("contradiction") else NOT_ENTAILMENT
        for way, context, asking, gold in (
            ("shuffled", shuffled, row.question, row.gold),
            ("negated", row.context, question, opposite),
        ):
            found.append(PerturbedRow(len(found), row.doc_id, way, context, asking, gold))
    return tuple(found)


def perturbed_answers(name: str, variants: Sequence[PerturbedRow], skill: float) -> tuple[Judged, ...]:
    """Right with a chance of ``skill``, whatever the depth."""
    chance = random.Random(name)
    return tuple(
        Judged(row.doc_id, row.gold if chance.random() < skill else LABELS[row.gold == ENTAILMENT]) for row in variants
    )


def task(
    count: int = 300, name: str = "made_up", hostile: bool = True, seed: int = 0, perturb: bool = False
) -> TaskAnswers:
    """Three models and four baselines on ``count`` rows."""
    asked = rows(count, seed)
    variants = put_otherwise(asked, seed) if perturb else ()
    steps = range(1, 121)
    lineage = {
        "task": name,
        "samples": 5000,
        "seed": 0,
        "recipe": {"epochs": 3, "lora_r": 16, "learning_rate": 0.001},
        "losses": [[step, 0.08 + 2.2 / (1 + step / 9) + 0.05 * ((step * 7919) % 13 - 6) / 6] for step in steps],
        "validation_losses": [[step, 0.11 + 2.2 / (1 + step / 9)] for step in steps if step % 30 == 0],
        "finished": "2026-01-01T00:00:00Z",
    }
    by_model = {
        "base": answers("base", asked, 0.56, 0.02, seed),
        "lora": answers("lora", asked, 0.95, 0.0, seed),
        "gpt35": answers("gpt35", asked, 0.72, 0.12, seed),
    }
    if hostile:
        last = list(by_model["gpt35"])
        for place, text in HOSTILE.items():
            said = NOT_ENTAILMENT if "not entailment" in text else ENTAILMENT
            last[place] = Judged(place, said, text, last[place].prompt, exact=False)
        by_model["gpt35"] = tuple(last)
    return TaskAnswers(
        task=name,
        split="test",
        labels="labels proved by a solver; generated with seed 7",
        rows=asked,
        models=tuple(
            ModelAnswers(
                model,
                found,
                identity=identities()[model],
                seconds=12.5 + 9 * len(model),
                lineage=lineage if model == "lora" else None,
                perturbed=perturbed_answers(model, variants, {"base": 0.55, "lora": 0.9, "gpt35": 0.7}[model]),
            )
            for model, found in by_model.items()
        ),
        baselines=(
            _constant(asked),
            ModelAnswers("stratified random", answers("random", asked, 0.5, 0.0, seed)),
            ModelAnswers("question only", answers("question", asked, 0.58, 0.0, seed)),
            ModelAnswers("nearest training puzzle", (), unavailable="the task has no train split"),
        ),
        perturbed=variants,
        not_perturbed={"flipped": {"no relation to flip": count}} if perturb else {},
    )


def _constant(asked: Sequence[Row]) -> ModelAnswers:
    return ModelAnswers(f'always "{NOT_ENTAILMENT}"', tuple(Judged(row.doc_id, NOT_ENTAILMENT) for row in asked))


def identities() -> dict[str, ModelIdentity]:
    """What the three models are."""
    return {
        "base": ModelIdentity("hf", "sha256:" + "1a" * 32, "sha256:" + "2b" * 32, details={"dtype": "bfloat16"}),
        "lora": ModelIdentity("litgpt", "sha256:" + "3c" * 32, "sha256:" + "4d" * 32, details={"dtype": "bfloat16"}),
        "gpt35": ModelIdentity("openai", None, served="</script><b>gpt-3.5</b> at api.example.org"),
    }
