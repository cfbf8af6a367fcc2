"""One architecture, described as litgpt does (``model_config.yaml``) and as Hugging Face does (``config.json``).

Only what both implement alike is translated, for the Llama family; anything else is refused by name instead of being
dropped, because a dropped setting changes every answer and fails nowhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entailbench import ModelError, bounded

from .litgpt_checkpoint import misfits, read_tokenizer_config
from .litgpt_names import LLAMA_FAMILY, Heads

if TYPE_CHECKING:
    from litgpt import Config

CUSTOM_NAMES = {
    "llama": "Llama-custom",
    "mistral": "Mistral-custom",
    "qwen2": "Qwen2.5-custom",
    "qwen3": "Qwen3-custom",
}
"""litgpt's own converters choose by how a name begins, so the name must tell the family."""
LLAMA3_ROPE = {
    "factor": "factor",
    "low_freq_factor": "low_freq_factor",
    "high_freq_factor": "high_freq_factor",
    "original_max_seq_len": "original_max_position_embeddings",
}


def read_hf_config(directory: Path) -> dict[str, Any]:
    """``config.json`` of a Hugging Face directory.

    Raises:
        ModelError: it is missing or malformed.
    """
    path = directory / "config.json"
    try:
        content = bounded.read_json(path)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a table of settings")
    return content


def litgpt_config(hf_config: Mapping[str, Any], *, names: tuple[str, ...] = (), where: str) -> Config:
    """The litgpt configuration of a Hugging Face model.

    Args:
        hf_config: contents of ``config.json``.
        names: what the model may be called; the first that litgpt knows, and means the same by, is taken over.
        where: what to call the model in an error.

    Raises:
        ModelError: the architecture is not of the Llama family, or has something that litgpt does not compute.
    """
    from litgpt import Config

    family = hf_config.get("model_type")
    if family not in LLAMA_FAMILY:
        raise ModelError(
            f"{where} is of the architecture {family!r}; litgpt's form is made for {', '.join(sorted(LLAMA_FAMILY))}"
        )
    built = Config(**_built(hf_config, str(family), where))
    for name in names:
        try:
            known = Config.from_name(name)
        except ValueError:
            continue
        if known is not None and _same_computation(known, built, hf_config):
            return known
    return built


def hf_config_from_litgpt(model_config: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """A ``config.json`` for litgpt weights that came without one.

    Args:
        model_config: contents of ``model_config.yaml``.
        directory: the checkpoint, for its special tokens and for errors.

    Raises:
        ModelError: the architecture is not of the Llama family.
    """
    config = {**_defaults(), **model_config}
    required = {
        "norm_class_name": "RMSNorm",
        "mlp_class_name": "LLaMAMLP",
        "parallel_residual": False,
        "rotary_percentage": 1.0,
        "rope_interleave": False,
        "bias": False,
        "lm_head_bias": False,
        "post_attention_norm": False,
        "post_mlp_norm": False,
        "norm_qk_type": "default",
        "scale_embeddings": False,
    }
    absent = ("latent_attention", "attention_logit_softcapping", "final_logit_softcapping", "attention_scores_scalar")
    odd = [f"{key} = {config[key]!r}" for key, value in required.items() if config[key] != value]
    odd += [f"{key} = {config[key]!r}" for key in (*absent, "rope_local_base_freq") if config[key] is not None]
    odd += [f"n_expert = {config['n_expert']}"] if config["n_expert"] else []
    windows = config["sliding_window_indices"]
    if config["sliding_window_size"] is not None and windows is not None and 0 in windows:
        odd.append("sliding windows in some layers only")
    if odd:
        raise ModelError(
            f"{directory} has no config.json, and none can be made from its model_config.yaml "
            f"({odd[0]}); put the config.json of the original model beside it"
        )
    heads = Heads.of(config)
    family = "qwen3" if config["norm_qk"] else "qwen2" if config["attn_bias"] else "llama"
    rope: dict[str, Any] = {"rope_theta": float(config["rope_base"]), "rope_type": "default"}
    adjustments = config["rope_adjustments"]
    if adjustments is not None:
        if set(adjustments) != set(LLAMA3_ROPE):
            raise ModelError(f"{directory} has no config.json, and its rope_adjustments are not Llama 3's")
        rope |= {hf: adjustments[lit] for lit, hf in LLAMA3_ROPE.items()} | {"rope_type": "llama3"}
    elif config["rope_condense_ratio"] != 1:
        rope |= {"rope_type": "linear", "factor": float(config["rope_condense_ratio"])}
    content = {
        "hidden_act": "silu",
        "hidden_size": config["n_embd"],
        "intermediate_size": config["intermediate_size"],
        "max_position_embeddings": config["block_size"],
        "num_attention_heads": heads.query,
        "num_key_value_heads": heads.key_value,
        "num_hidden_layers": config["n_layer"],
        "head_dim": heads.size,
        "rms_norm_eps": config["norm_eps"],
        "rope_parameters": rope,
        "tie_word_embeddings": False,
        "vocab_size": config["padded_vocab_size"] or config["vocab_size"],
        **_special_token_ids(directory),
    }
    if config["sliding_window_size"] is not None:
        if family != "llama":
            raise ModelError(f"{directory} has no config.json, and {family} with sliding windows is not translated")
        family, content["sliding_window"] = "mistral", config["sliding_window_size"]
    if family == "qwen2" and heads.size * heads.query != config["n_embd"]:
        raise ModelError(f"{directory} has no config.json, and Qwen2 has no head size of its own")
    architecture = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"}[family]
    return {"architectures": [f"{architecture}ForCausalLM"], "model_type": family, **content}


def write_model_config(config: Config, directory: Path) -> None:
    """Writes ``model_config.yaml`` as litgpt does."""
    from litgpt.utils import save_config

    save_config(config, directory)


def _built(hf: Mapping[str, Any], family: str, where: str) -> dict[str, Any]:
    def refuse(what: str) -> ModelError:
        return ModelError(f"{where} has {what}, which litgpt does not compute for the architecture {family!r}")

    if hf.get("hidden_act", "silu") != "silu":
        raise refuse(f"hidden_act = {hf['hidden_act']!r}")
    if hf.get("attention_bias") and family != "qwen2":
        raise refuse("attention_bias")
    if hf.get("mlp_bias"):
        raise refuse("mlp_bias")
    if hf.get("use_sliding_window"):
        raise refuse("use_sliding_window")
    try:
        return {
            "name": CUSTOM_NAMES[family],
            "block_size": hf["max_position_embeddings"],
            "vocab_size": hf["vocab_size"],
            "padded_vocab_size": hf["vocab_size"],
            "n_layer": hf["num_hidden_layers"],
            "n_embd": hf["hidden_size"],
            "n_head": hf["num_attention_heads"],
            "n_query_groups": hf.get("num_key_value_heads") or hf["num_attention_heads"],
            "head_size": hf.get("head_dim") or hf["hidden_size"] // hf["num_attention_heads"],
            "intermediate_size": hf["intermediate_size"],
            "norm_eps": hf["rms_norm_eps"],
            "norm_class_name": "RMSNorm",
            "mlp_class_name": "LLaMAMLP",
            "rotary_percentage": 1.0,
            "parallel_residual": False,
            "bias": False,
            "attn_bias": family == "qwen2",
            "norm_qk": family == "qwen3",
            "sliding_window_size": hf.get("sliding_window") if family == "mistral" else None,
            **_rope(hf, refuse),
        }
    except KeyError as error:
        raise ModelError(f"the config.json of {where} has no {error.args[0]!r}") from error


def _rope(hf: Mapping[str, Any], refuse: Any) -> dict[str, Any]:
    # transformers 5 keeps everything in rope_parameters; before, the base stood outside and a scaling was optional.
    rope = dict(hf.get("rope_parameters") or hf.get("rope_scaling") or {})
    base = rope.get("rope_theta") or hf.get("rope_theta", 10000.0)
    kind = rope.get("rope_type") or rope.get("type") or "default"
    settings: dict[str, Any] = {"rope_base": int(base)}
    if int(base) != base:
        raise refuse(f"rope_theta = {base}")
    if hf.get("partial_rotary_factor", rope.get("partial_rotary_factor", 1.0)) != 1.0:
        raise refuse("a partial_rotary_factor")
    if kind == "linear":
        if int(rope["factor"]) != rope["factor"]:
            raise refuse(f"a linear rope factor of {rope['factor']}")
        settings["rope_condense_ratio"] = int(rope["factor"])
    elif kind == "llama3":
        settings["rope_adjustments"] = {lit: rope[name] for lit, name in LLAMA3_ROPE.items()}
    elif kind != "default":
        raise refuse(f"rope_type = {kind!r}")
    return settings


def _same_computation(known: Config, built: Config, hf_config: Mapping[str, Any]) -> bool:
    """Whether a configuration of litgpt's own is what ``config.json`` says; sizes it leaves open aside."""
    free = {"name", "hf_config", "block_size", "vocab_size", "padding_multiple"}
    # For a window as long as the context litgpt shortens the context instead.
    if known.sliding_window_size == known.block_size:
        free |= {"sliding_window_size", "sliding_window_indices"}
    own, other = dataclasses.asdict(known), dataclasses.asdict(built)
    return not list(misfits(own, hf_config)) and all(own[key] == other[key] for key in own if key not in free)


def _defaults() -> dict[str, Any]:
    from litgpt import Config

    return {
        field.name: field.default for field in dataclasses.fields(Config) if field.default is not dataclasses.MISSING
    }


def _special_token_ids(directory: Path) -> dict[str, int]:
    """BOS and EOS ids, as far as the checkpoint's tokenizer tells them."""
    ids: dict[str, int] = {}
    generation = directory / "generation_config.json"
    if generation.is_file():
        try:
            content = bounded.read_json(generation)
        except (OSError, ValueError) as error:
            raise ModelError(f"{generation} cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise ModelError(f"{generation} is not a table of settings")
        ids = {key: content[key] for key in ("bos_token_id", "eos_token_id") if content.get(key) is not None}
    if len(ids) < 2 and (directory / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        config = read_tokenizer_config(directory)
        for role in ("bos", "eos"):
            token = config.get(f"{role}_token")
            number = tokenizer.token_to_id(token["content"] if isinstance(token, dict) else token) if token else None
            if number is not None:
                ids.setdefault(f"{role}_token_id", number)
    return ids
