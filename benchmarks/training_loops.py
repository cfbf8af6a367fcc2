"""Training the same samples in the same order: our loop, litgpt's, and Hugging Face models with PEFT (and TRL).

A contender is made once; ``run`` then trains one epoch over all samples, everything that was tokenized and loaded
before left out, everything that the loop itself does left in.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from lightning import Fabric

from entailbench_adapters.litgpt_recipe import LoraRecipe
from entailbench_adapters.training.batches import StepPlans
from entailbench_adapters.training.feed import Feed, lay_out, pack_budget
from entailbench_adapters.training.forward import token_losses
from entailbench_adapters.training.model import build_model, lora_settings, make_fabric, trained_parameters
from entailbench_adapters.training.samples import TokenSample
from entailbench_adapters.training.tree import Pack
from entailbench_adapters.training.updates import Updates

DTYPES = {"32-true": torch.float32, "bf16-true": torch.bfloat16, "16-true": torch.float16}


@dataclass(frozen=True)
class Workload:
    """What is trained."""

    samples: Sequence[TokenSample]
    """In the order in which they are trained; a multiple of the recipe's ``global_batch_size``."""
    recipe: LoraRecipe
    base: Path | None
    """A litgpt checkpoint; None for random weights of ``shape``."""
    shape: str | None = None
    """One of litgpt's names of models."""

    @property
    def tokens(self) -> int:
        """Of all samples, without padding."""
        return sum(map(len, self.samples))


def open_model(work: Workload) -> tuple[Fabric, Any]:
    """litgpt's model with fresh LoRA matrices, on its device."""
    fabric = make_fabric(work.recipe)
    if work.base is not None:
        return fabric, build_model(fabric, work.base, work.recipe)
    from litgpt.lora import GPT, Config, mark_only_lora_as_trainable

    longest = max(map(len, work.samples))
    config = Config.from_name(work.shape, block_size=longest, **lora_settings(work.recipe))
    fabric.seed_everything(work.recipe.seed, verbose=False)
    with fabric.init_module(empty_init=False):
        model = GPT(config)
    mark_only_lora_as_trainable(model)
    fabric.setup_module(model)
    model.cos, model.sin = model.rope_cache(device=fabric.device)
    return fabric, model.train()


class Contender(ABC):
    """One way to train."""

    name: str

    @abstractmethod
    def run(self) -> None:
        """One epoch."""


class Packed(Contender):
    """Our engine's feed, forward pass and updates."""

    def __init__(self, work: Workload, fabric: Fabric, model: Any, *, compiled: bool) -> None:
        self.name = "packed"
        self._work, self._fabric, self._model, self._compiled = work, fabric, model, compiled
        self._updates = Updates(trained_parameters(model), work.recipe)
        self.budget = pack_budget(work.recipe, model, fabric.device)
        size = work.recipe.global_batch_size
        numbers = range(len(work.samples))
        steps = tuple(tuple((n,) for n in numbers[start : start + size]) for start in numbers[::size])
        self._plans = StepPlans(steps, len(work.samples))

    def packs(self) -> list[Pack]:
        """Those of one epoch."""
        work = self._work
        steps = [lay_out(n, self._plans[n], work.samples, work.recipe, self.budget) for n in range(len(self._plans))]
        return [pack for step in steps for pack in step.packs]

    def run(self) -> None:
        self._model.train()
        total = torch.zeros((), device=self._fabric.device)
        feed = Feed(self._plans, self._work.samples, self._work.recipe, first=0, budget=self.budget)
        for step in feed:
            for pack in step.packs:
                weights = torch.from_numpy(pack.weights).to(self._fabric.device, non_blocking=True)
                with self._fabric.autocast():
                    loss = (token_losses(self._model, pack, compiled=self._compiled) * weights).sum()
                self._fabric.backward(loss)
                self._updates.gather()
                total += loss.detach()
            self._updates.step(1e-5)
        if not total.isfinite():
            raise ArithmeticError("the loss is not finite")


class Litgpt(Contender):
    """litgpt's own ``fit``, without its validation and its example texts."""

    def __init__(self, work: Workload, fabric: Fabric, model: Any, micro_batch_size: int) -> None:
        self.name = f"litgpt, micro-batch {micro_batch_size}"
        self._work, self._fabric, self._micro = work, fabric, micro_batch_size
        self._model = fabric.setup_module(model, move_to_device=False)
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._optimizer = fabric.setup_optimizers(torch.optim.AdamW(parameters, lr=1e-5, weight_decay=0.02))
        self._rows = [_litgpt_row(sample) for sample in work.samples]

    def run(self) -> None:
        from litgpt.args import EvalArgs, TrainArgs
        from litgpt.data.base import get_sft_collate_fn
        from litgpt.finetune import lora
        from torch.utils.data import DataLoader

        batches = self._fabric.setup_dataloaders(
            DataLoader(self._rows, batch_size=self._micro, collate_fn=get_sft_collate_fn())
        )
        train = TrainArgs(
            save_interval=None,
            log_interval=1,
            global_batch_size=self._work.recipe.global_batch_size,
            micro_batch_size=self._micro,
            lr_warmup_steps=1,
            epochs=1,
        )
        scheduler = torch.optim.lr_scheduler.LambdaLR(self._optimizer, lambda step: 1.0)
        nothing = mock.patch.multiple(
            lora, Tokenizer=mock.DEFAULT, validate=mock.DEFAULT, generate_example=mock.DEFAULT
        )
        self._model.train()
        with nothing, contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as out:
            lora.fit(
                fabric=self._fabric,
                model=self._model,
                optimizer=self._optimizer,
                scheduler=scheduler,
                train_dataloader=batches,
                val_dataloader=batches,
                devices=1,
                checkpoint_dir=Path(out),
                out_dir=Path(out),
                train=train,
                eval=EvalArgs(interval=10**9, initial_validation=False, final_validation=False),
                data=None,
            )


class HuggingFace(Contender):
    """A transformers model with PEFT in a plain loop: samples sorted into micro-batches as they come, padded."""

    def __init__(self, work: Workload, model: Any, device: torch.device, micro_batch_size: int) -> None:
        self.name = f"transformers + PEFT, micro-batch {micro_batch_size}"
        self._work, self._model, self._device, self._micro = work, model, device, micro_batch_size
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._optimizer = torch.optim.AdamW(parameters, lr=1e-5, weight_decay=0.02)

    def run(self) -> None:
        samples, size = self._work.samples, self._work.recipe.global_batch_size
        self._model.train()
        for start in range(0, len(samples), size):
            step = samples[start : start + size]
            answers = sum(len(sample.answer) for sample in step)
            for first in range(0, len(step), self._micro):
                batch = padded_batch(step[first : first + self._micro], self._device)
                loss = self._model(**batch, num_items_in_batch=answers).loss
                loss.backward()
            self._optimizer.step()
            self._optimizer.zero_grad()


class Trl(Contender):
    """TRL's ``SFTTrainer`` over the same PEFT model, on samples that are tokenized already."""

    def __init__(self, work: Workload, model: Any, micro_batch_size: int) -> None:
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer

        self.name = f"TRL + PEFT, micro-batch {micro_batch_size}"
        self._out = tempfile.TemporaryDirectory()
        rows = [
            {"input_ids": list(sample.tokens), "labels": [-100] * len(sample.prompt) + list(sample.answer)}
            for sample in work.samples
        ]
        settings = SFTConfig(
            output_dir=self._out.name,
            per_device_train_batch_size=micro_batch_size,
            gradient_accumulation_steps=work.recipe.global_batch_size // micro_batch_size,
            num_train_epochs=1,
            learning_rate=1e-5,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            gradient_checkpointing=False,
            # The weights are in the precision that is wanted; by default TRL would mix another in.
            bf16=False,
            max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True},
            use_cpu=next(model.parameters()).device.type == "cpu",
        )
        self._trainer = SFTTrainer(
            model, settings, train_dataset=Dataset.from_list(rows), processing_class=_padding_tokenizer()
        )

    def run(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            self._trainer.train()


def open_hf_model(work: Workload, hf_directory: Path | None, device: torch.device) -> Any:
    """A transformers model with the same LoRA by PEFT: of ``hf_directory``, or random weights of the same shape."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, LlamaConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    dtype = DTYPES[work.recipe.precision]
    if hf_directory is not None:
        model = AutoModelForCausalLM.from_pretrained(str(hf_directory), dtype=dtype).to(device)
    else:
        from litgpt.config import Config

        shape = Config.from_name(work.shape)
        with device:
            model = AutoModelForCausalLM.from_config(
                LlamaConfig(
                    vocab_size=shape.padded_vocab_size,
                    hidden_size=shape.n_embd,
                    intermediate_size=shape.intermediate_size,
                    num_hidden_layers=shape.n_layer,
                    num_attention_heads=shape.n_head,
                    num_key_value_heads=shape.n_query_groups,
                    rope_theta=shape.rope_base,
                    tie_word_embeddings=False,
                ),
                dtype=dtype,
            )
    recipe = work.recipe
    lora = LoraConfig(
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=["q_proj", "v_proj"],
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora, autocast_adapter_dtype=False)


def padded_batch(samples: Sequence[TokenSample], device: torch.device) -> dict[str, torch.Tensor]:
    """As a Hugging Face model takes it; what is no answer has the label -100."""
    longest = max(map(len, samples))
    ids = torch.zeros(len(samples), longest, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for row, sample in enumerate(samples):
        ids[row, : len(sample)] = torch.tensor(sample.tokens)
        mask[row, : len(sample)] = 1
        labels[row, len(sample.prompt) : len(sample)] = torch.tensor(sample.answer)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def has_trl() -> bool:
    """Whether TRL is installed."""
    return find_spec("trl") is not None


def sample_losses(model: Any, samples: Sequence[TokenSample], packs: Sequence[Pack]) -> Iterator[tuple[float, float]]:
    """Each sample's mean loss without dropout: over packs, and by litgpt's forward pass and loss."""
    from litgpt.utils import chunked_cross_entropy

    was_training = model.training
    model.eval()
    with torch.no_grad():
        for pack in packs:
            losses = token_losses(model, pack)
            for number in dict.fromkeys(pack.sample.tolist()):
                row = _litgpt_row(samples[number])
                ids, labels = (row[key][None].to(losses.device) for key in ("input_ids", "labels"))
                logits = model(ids, lm_head_chunk_size=128)
                logits[-1] = logits[-1][..., :-1, :]
                theirs = chunked_cross_entropy(logits, labels[..., 1:])
                ours = losses[torch.from_numpy(pack.sample == number).to(losses.device)].mean()
                yield ours.item(), theirs.item()
    model.train(was_training)


def _litgpt_row(sample: TokenSample) -> dict[str, Any]:
    ids = torch.tensor(sample.tokens)
    labels = ids.clone()
    labels[: len(sample.prompt)] = -100
    counts = {"raw": len(sample.answer), "raw_plus_prompt_template": len(sample)}
    return {"input_ids": ids, "labels": labels, "token_counts": counts}


def _padding_tokenizer() -> Any:
    """TRL asks for a tokenizer, of which tokenized samples need the padding alone."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({"<pad>": 0}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<pad>")
