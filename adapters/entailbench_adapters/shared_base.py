"""One loaded model that a base and any number of adapters answer with."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import ModelError

from .explained_errors import first_line
from .fingerprint import hash_weights

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class SharedBase:
    """A loaded causal language model with its tokenizer, and any number of adapters on it."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        directory: Path,
        weights: str,
        quantize: str | None = None,
    ) -> None:
        from transformers import GenerationConfig

        self.model = model
        self.tokenizer = tokenizer
        self.directory = directory
        self.weights = weights
        """Hash of the base's weights (``fingerprint.hash_weights``), as they lie on the disk."""
        self.quantize = quantize
        """How they were quantized when they were loaded; None where they were not."""
        self.dtype: torch.dtype = model.dtype
        self.device: torch.device = model.device
        self.end_ids = token_ids(getattr(model.generation_config, "eos_token_id", None))
        """Tokens that end an answer according to the checkpoint."""
        # transformers fills whatever a call leaves open from the model's own generation config: without this a
        # checkpoint's repetition penalty or temperature would leak into "greedy".
        model.generation_config = GenerationConfig(eos_token_id=sorted(self.end_ids) or None)  # type: ignore[no-untyped-call]
        self._adapters: dict[tuple[Path, str], str] = {}
        self._made = 0
        self._peft: PeftModel | None = None

    def add_adapter(self, directory: Path) -> str:
        """Loads the PEFT adapter in ``directory`` onto the model and returns its id; the same one is loaded once.

        Raises:
            ModelError: it is no adapter, or does not fit this model.
        """
        key = (directory.resolve(), hash_weights(directory))
        if key not in self._adapters:
            self._made += 1
            adapter_id = f"adapter{self._made}"
            try:
                with quiet_peft():
                    self._add(directory, adapter_id)
                self._check_complete(directory, adapter_id)
            except (ModelError, ValueError, RuntimeError, OSError, KeyError, TypeError) as error:
                # What a failed one left behind is harmless: it is never active, and its id never given again.
                raise ModelError(
                    f"the adapter {directory} does not fit the model {self.directory}: {first_line(error)}"
                ) from error
            self._adapters[key] = adapter_id
        return self._adapters[key]

    def _add(self, directory: Path, adapter_id: str) -> None:
        from peft import PeftConfig, PeftModelForCausalLM

        if self._peft is None:
            config = PeftConfig.from_pretrained(str(directory))
            config.inference_mode = True
            self._peft = PeftModelForCausalLM(self.model, config, adapter_name=adapter_id)
        self._peft.load_adapter(str(directory), adapter_name=adapter_id)
        self._peft.eval()

    def _check_complete(self, directory: Path, adapter_id: str) -> None:
        """PEFT only warns when a layer found no weights, and then runs it as if it were not adapted."""
        from peft import get_peft_model_state_dict
        from safetensors import safe_open

        expected = set(get_peft_model_state_dict(self._peft, adapter_name=adapter_id, save_embedding_layers=False))
        with safe_open(directory / "adapter_model.safetensors", framework="pt") as tensors:
            found = set(tensors.keys())
        wrong = sorted(expected - found) or sorted(key for key in found - expected if "lora_" in key)
        if wrong:
            what = "lacks" if expected - found else "has, for no layer of the model,"
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise ModelError(f"it {what} {wrong[0]}{more}")

    @property
    def adapters(self) -> int:
        """How many were put on the model, failed ones counted: it changes whenever the model's layers may have."""
        return self._made

    @property
    def known_tokens(self) -> int:
        """Rows of the embedding: tokens with this number or a higher one cannot be read."""
        embedding: Any = self.model.get_input_embeddings()
        return int(embedding.weight.shape[0])

    def unsound(self) -> ModelError:
        """What to raise when the model computes what is no number."""
        hint = "its weights may be damaged" if "float32" in str(self.dtype) else 'use dtype = "float32"'
        return ModelError(f"{self.directory} computes NaN or infinity in {self.dtype}: {hint}")

    @contextlib.contextmanager
    def using(self, adapter_id: str | None) -> Iterator[PreTrainedModel]:
        """The model as it answers with that adapter alone, or with none at all for None."""
        if self._peft is None:
            if adapter_id is not None:
                raise ModelError(f"no adapter {adapter_id!r} is loaded")
            yield self.model
        elif adapter_id is None:
            with self._peft.disable_adapter():
                yield self.model
        else:
            self._peft.set_adapter(adapter_id, inference_mode=True)
            yield self.model

    def close(self) -> None:
        """Frees the weights; the base and the models that use it are of no use afterwards."""
        import gc

        import torch

        self._peft = None
        self._adapters.clear()
        del self.model
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def token_ids(value: int | Sequence[int] | None) -> frozenset[int]:
    """Token ids as configurations write them: one, several, or none."""
    if value is None:
        return frozenset()
    return frozenset([value] if isinstance(value, int) else value)


@contextlib.contextmanager
def quiet_peft() -> Iterator[None]:
    """Without PEFT's warnings about what is taken care of here: missing adapter weights, tied embeddings."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found missing adapter keys")
        warnings.filterwarnings("ignore", message=".*tie_word_embeddings")
        yield
