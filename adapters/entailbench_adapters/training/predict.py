"""What the model in training would answer, and how good that is: the validation that early stopping goes by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from entailbench import UNPARSED

from .decode import continuations, pass_tokens
from .samples import TokenSample
from .tree import pack

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_CANDIDATES = 8
"""With more different answers than this they are no labels to choose from."""
LABEL_TARGET = "label"


@dataclass(frozen=True)
class ValidationScores:
    """How a model does on the validation samples. Shares are in [0, 1]."""

    loss: float
    """Mean negative log-likelihood (natural log) of all answer tokens of all samples, end tokens among them."""
    accuracy: float
    """Share of samples whose label is right; an unparsed answer is wrong."""
    balanced_accuracy: float
    """Mean over the classes that occur of the share of their samples whose label is right."""
    unparsed: int
    """Written answers in which no label could be read; 0 where the labels were only compared."""
    exact: float
    """Share of samples answered with the very text they teach, proof and all."""


def answers(
    model: Any, tokenizer: PreTrainedTokenizerBase, samples: Sequence[TokenSample], max_tokens: int
) -> list[str]:
    """What greedy decoding writes after each sample's prompt, in their order.

    Dropout is off, the random number generators and the model's mode are left as they were. For a mixed precision the
    caller holds ``fabric.autocast()`` open.

    Args:
        model: litgpt's ``litgpt.lora.GPT``, as it is trained.
        tokenizer: of the samples; its end-of-sequence token ends an answer.
        samples: their answers are not looked at.
        max_tokens: bound on an answer.
    """
    prompts = [sample.prompt for sample in samples]
    with evaluating(model):
        written = continuations(model, prompts, end=_end(tokenizer), max_tokens=max_tokens)
    return [str(tokenizer.decode(list(tokens), skip_special_tokens=True)) for tokens in written]


def validation_scores(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    samples: Sequence[TokenSample],
    read_answer: Callable[[str], str] | None,
    target: str,
    *,
    max_tokens: int | None = None,
    pack_tokens: int | None = None,
) -> ValidationScores:
    """Loss and accuracy of the model on ``samples``; see ``answers`` for what is left untouched.

    Where the samples teach a label and nothing else (``target = "label"``, few different answers), the model's label is
    the answer that it finds likeliest as a whole, which costs one pass over the prompts. Otherwise it writes.

    Args:
        model: as for ``answers``.
        tokenizer: of the samples.
        samples: at least one.
        read_answer: the label in a text; None where an output is a class itself.
        target: what the samples teach to write.
        max_tokens: bound on a written answer; None is the longest of the samples' own and a quarter more.
        pack_tokens: of one forward pass; None is what suits the device.
    """
    budget = pack_tokens or pass_tokens(model)
    texts = _answer_texts(tokenizer, samples)
    gold = [_gold(sample, text, read_answer) for sample, text in zip(samples, texts, strict=True)]
    candidates = list(dict.fromkeys(sample.answer for sample in samples))
    if target == LABEL_TARGET and 2 <= len(candidates) <= MOST_CANDIDATES:
        loss, chosen = _likeliest(model, samples, candidates, budget)
        of_candidate = dict(zip((sample.answer for sample in samples), texts, strict=True))
        written = [of_candidate[candidates[choice]] for choice in chosen]
    else:
        longest = max(len(sample.answer) for sample in samples)
        loss = mean_loss(model, samples, budget)
        written = answers(model, tokenizer, samples, max_tokens or longest + longest // 4)
    labels = [read_answer(text) if read_answer else text.strip() for text in written]
    known = set(gold)
    labels = [label if label in known or read_answer else UNPARSED for label in labels]
    right = [label == wanted for label, wanted in zip(labels, gold, strict=True)]
    classes = Counter(gold)
    recalls = [sum(r for r, g in zip(right, gold, strict=True) if g == name) / n for name, n in classes.items()]
    return ValidationScores(
        loss=loss,
        accuracy=sum(right) / len(right),
        balanced_accuracy=sum(recalls) / len(recalls),
        unparsed=labels.count(UNPARSED),
        exact=sum(text.strip() == wanted.strip() for text, wanted in zip(written, texts, strict=True)) / len(texts),
    )


def mean_loss(model: Any, samples: Sequence[TokenSample], pack_tokens: int | None = None) -> float:
    """Mean negative log-likelihood of all answer tokens of ``samples``; see ``answers`` for what is left untouched."""
    each = _sums(model, samples, pack_tokens or pass_tokens(model))
    return sum(each) / sum(len(sample.answer) for sample in samples)


def _likeliest(
    model: Any, samples: Sequence[TokenSample], candidates: Sequence[tuple[int, ...]], budget: int
) -> tuple[float, list[int]]:
    """The mean loss of the samples' own answers, and the number of the candidate that each finds likeliest."""
    questions = [
        TokenSample(sample.prompt, candidate, sample.label, sample.puzzle)
        for sample in samples
        for candidate in candidates
    ]
    # Candidates of one prompt are neighbours in the tree: the prompt is computed once.
    each = _sums(model, questions, budget)
    rows = [each[start : start + len(candidates)] for start in range(0, len(each), len(candidates))]
    own = sum(row[candidates.index(sample.answer)] for row, sample in zip(rows, samples, strict=True))
    return own / sum(len(sample.answer) for sample in samples), [row.index(min(row)) for row in rows]


def _sums(model: Any, samples: Sequence[TokenSample], budget: int) -> list[float]:
    """Negative log-likelihood of each sample's whole answer."""
    import torch

    from .forward import token_losses

    with evaluating(model):
        device = model.transformer.wte.weight.device
        # Summed on the device: the host waits for it once, at the end.
        sums = torch.zeros(len(samples), dtype=torch.float64, device=device)
        for packed in pack(samples, [1.0] * len(samples), sharing="tree", budget=budget):
            numbers = torch.from_numpy(packed.sample).to(device, non_blocking=True)
            sums.index_add_(0, numbers, token_losses(model, packed).double())
        return [float(value) for value in sums.tolist()]


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Without dropout and gradients; not in ``inference_mode``, since litgpt's LoRA caches tensors for the training."""
    import torch

    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


def _answer_texts(tokenizer: PreTrainedTokenizerBase, samples: Sequence[TokenSample]) -> list[str]:
    texts = {
        answer: str(tokenizer.decode(list(answer), skip_special_tokens=True))
        for answer in {sample.answer for sample in samples}
    }
    return [texts[sample.answer] for sample in samples]


def _gold(sample: TokenSample, text: str, read_answer: Callable[[str], str] | None) -> str:
    if read_answer is None:
        return text.strip()
    # A row may carry a finer label ("not entailment - unknown") than the task's reader gives.
    read = read_answer(text)
    return sample.label if read == UNPARSED else read


def _end(tokenizer: PreTrainedTokenizerBase) -> int:
    return int(tokenizer.eos_token_id)  # samples could not be tokenized without one
