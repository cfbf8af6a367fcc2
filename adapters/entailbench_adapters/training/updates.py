"""Optimizer steps: AdamW over the LoRA matrices, with clipping and a learning rate that depends on the step alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

    from ..litgpt_recipe import LoraRecipe


class Updates:
    """AdamW (Loshchilov and Hutter, https://arxiv.org/abs/1711.05101) with gradients gathered over several passes.

    Matrices of 16 bits are updated as float32 copies: a late step of a falling learning rate is less than their
    precision, and would be lost. The copies of float32 matrices are the matrices themselves.
    """

    def __init__(self, parameters: Mapping[str, torch.nn.Parameter], recipe: LoraRecipe, scaler: Any = None) -> None:
        """
        Args:
            parameters: what to train, by name.
            recipe: learning rate, weight decay, clipping, quantization.
            scaler: torch's ``GradScaler`` where the precision needs one.
        """
        import torch

        self._parameters = dict(parameters)
        self._copies = {
            name: parameter if parameter.dtype == torch.float32 else parameter.detach().float().requires_grad_()
            for name, parameter in self._parameters.items()
        }
        self._pairs = [
            (parameter, copy)
            for parameter, copy in zip(self._parameters.values(), self._copies.values(), strict=True)
            if copy is not parameter
        ]
        self._clip = recipe.clip
        self._scaler = scaler
        self._optimizer = _adamw(list(self._copies.values()), recipe)

    def gather(self) -> None:
        """Adds the gradients of a backward pass to those of the step; to be called after each."""
        import torch

        if not self._pairs:
            return
        with torch.no_grad():
            pairs = [(parameter, copy) for parameter, copy in self._pairs if parameter.grad is not None]
            first = [(parameter, copy) for parameter, copy in pairs if copy.grad is None]
            later = [(parameter, copy) for parameter, copy in pairs if copy.grad is not None]
            for _, copy in first:
                copy.grad = torch.empty_like(copy)
            # All matrices in one call: hundreds of small ones would keep a GPU waiting for the next.
            if first:
                torch._foreach_copy_([copy.grad for _, copy in first], [parameter.grad for parameter, _ in first])
            if later:
                torch._foreach_add_([copy.grad for _, copy in later], [parameter.grad for parameter, _ in later])
            for parameter, _ in pairs:
                parameter.grad = None

    def step(self, learning_rate: float) -> torch.Tensor | None:
        """One update with all that was gathered; waits for no device.

        Returns:
            The gradients' norm before they were clipped, on the device; None where nothing is clipped.
        """
        import torch

        norm = None
        if self._scaler is not None:
            self._scaler.unscale_(self._optimizer)
        if self._clip is not None:
            norm = torch.nn.utils.clip_grad_norm_(list(self._copies.values()), self._clip)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        if self._scaler is not None:
            self._scaler.step(self._optimizer)
            self._scaler.update()
        else:
            self._optimizer.step()
        self._optimizer.zero_grad()
        self._publish()
        return norm

    def weights(self) -> dict[str, torch.Tensor]:
        """The matrices by name, float32 where they are trained so."""
        return {name: copy.detach() for name, copy in self._copies.items()}

    def finite(self) -> bool:
        """Whether all of them are finite; waits for the device."""
        import torch

        return bool(torch.stack([torch.isfinite(copy).all() for copy in self._copies.values()]).all())

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Matrices and moments as tensors, and what is not one as plain JSON."""
        import torch

        tensors = {f"weights/{name}": copy.detach() for name, copy in self._copies.items()}
        plain: dict[str, dict[str, Any]] = {}
        for name, copy in self._copies.items():
            for key, value in self._optimizer.state.get(copy, {}).items():
                if isinstance(value, torch.Tensor):
                    tensors[f"optimizer/{name}/{key}"] = value
                else:
                    plain.setdefault(name, {})[key] = value
        return tensors, {"optimizer": plain, "scaler": self._scaler.state_dict() if self._scaler else None}

    def restore(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Puts back what ``state`` gave."""
        self.put_weights(tensors)
        for name, copy in self._copies.items():
            prefix = f"optimizer/{name}/"
            moments: dict[str, Any] = dict(facts["optimizer"].get(name, {}))
            for key, value in tensors.items():
                if key.startswith(prefix):
                    # AdamW counts its steps on the host, unless it is the fused one.
                    own = value.numel() == 1 and not self._optimizer.defaults.get("fused")
                    moments[key.removeprefix(prefix)] = value if own else value.to(copy.device)
            if moments:
                self._optimizer.state[copy] = moments
        if self._scaler is not None and facts.get("scaler"):
            self._scaler.load_state_dict(facts["scaler"])

    def put_weights(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Takes the matrices of a state and leaves the moments."""
        import torch

        with torch.no_grad():
            for name, copy in self._copies.items():
                copy.copy_(tensors[f"weights/{name}"])
        self._publish()

    def _publish(self) -> None:
        import torch

        if not self._pairs:
            return
        with torch.no_grad():
            parameters, copies = zip(*self._pairs, strict=True)
            torch._foreach_copy_(list(parameters), list(copies))


def rate(
    step: int, *, peak: float, warmup: int, steps: int, schedule: Literal["cosine", "linear", "constant"] = "cosine"
) -> float:
    """The learning rate of a step, counted from 0: that of litgpt's ``get_lr_scheduler`` for ``"cosine"``.

    Args:
        step: which.
        peak: the highest rate, reached after the warm-up.
        warmup: steps in which it rises on a line, from 0.
        steps: in all.
        schedule: how it falls afterwards.
    """
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / (steps - warmup)
    if schedule == "cosine":
        return peak * (1 + math.cos(math.pi * done)) / 2
    return peak * (1 - done) if schedule == "linear" else peak


def _adamw(parameters: list[torch.Tensor], recipe: LoraRecipe) -> torch.optim.Optimizer:
    import torch

    if recipe.quantize is not None:
        from litgpt.utils import instantiate_bnb_optimizer

        arguments = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
        wanted = {"class_path": "torch.optim.AdamW", "init_args": arguments}
        return instantiate_bnb_optimizer(wanted, parameters)  # type: ignore[no-any-return]
    fused = all(parameter.is_cuda for parameter in parameters)
    return torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=fused)
