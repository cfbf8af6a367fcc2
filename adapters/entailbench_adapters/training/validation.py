"""How good the model in training is on the validation samples: the loss of their answers, and its own answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from entailbench import TrainingJob

from .feed import lay_out
from .forward import token_losses
from .predict import mean_loss, validation_scores

if TYPE_CHECKING:
    from lightning import Fabric
    from litgpt.lora import GPT
    from transformers import PreTrainedTokenizerBase

    from ..litgpt_recipe import LoraRecipe
    from .samples import TokenSample

BALANCED = "balanced_accuracy"


class Validation:
    """Measures the model, and leaves it and the random generators as they were."""

    def __init__(
        self,
        fabric: Fabric,
        model: GPT,
        tokenizer: PreTrainedTokenizerBase,
        samples: Sequence[TokenSample],
        targets: Sequence[TokenSample],
        job: TrainingJob,
        recipe: LoraRecipe,
        budget: int,
    ) -> None:
        """
        Args:
            fabric: gives precision and device.
            model: what is trained.
            tokenizer: of the samples.
            samples: at least one.
            targets: the same, their "answer" being all that counts in the loss.
            job: how an answer is read, and what is taught.
            recipe: averaging.
            budget: tokens of a pack.
        """
        self._fabric = fabric
        self._model = model
        self._tokenizer = tokenizer
        self._samples = samples
        self._targets = targets
        self._job = job
        self._recipe = recipe
        self._budget = budget

    def loss(self) -> float:
        """Over all validation samples, averaged as the training loss is."""
        with self._fabric.autocast():
            if self._recipe.averages == "token":
                return mean_loss(self._model, self._targets, self._recipe.pack_tokens)
            return self._micro_batch_loss()

    def scores(self) -> dict[str, float]:
        """Loss and shares of right answers, one of them ``BALANCED``."""
        with self._fabric.autocast():
            scores = validation_scores(
                self._model,
                self._tokenizer,
                self._samples,
                self._job.read_answer,
                self._job.target,
                pack_tokens=self._recipe.pack_tokens,
            )
        same = self._recipe.averages == "token" and self._recipe.mask_prompt
        return {**asdict(scores), "loss": scores.loss if same else self.loss()}

    def _micro_batch_loss(self) -> float:
        import torch

        size = self._recipe.micro_batch_size
        numbers = range(len(self._targets))
        step = tuple(tuple(numbers[place : place + size]) for place in range(0, len(numbers), size))
        self._model.eval()
        try:
            with torch.no_grad():
                total = torch.zeros((), device=self._fabric.device)
                for pack in lay_out(0, step, self._targets, self._recipe, self._budget).packs:
                    weights = torch.from_numpy(pack.weights).to(self._fabric.device)
                    total += (token_losses(self._model, pack) * weights).sum()
        finally:
            self._model.train()
        return float(total)
