"""SmolLM2's GGUF file → a Hugging Face model directory, exactly: float32 weights and the tokenizer it was trained with.

Float32 because a Q4_1 weight is ``scale · q + minimum`` with both in float16: bfloat16 and float16 cannot hold the sum.

The tokenizer is written here from the vocabulary and the merges, because ``AutoTokenizer(gguf_file=…)`` gives another
one (transformers 5.3: it reads spaces as end-of-text, and nothing fails but the answers).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from gguf import GGUFReader

CONTROL = 3
"""GGUF's token type of special tokens."""
LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
TOP_TENSORS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


def convert(gguf: Path, directory: Path) -> None:
    """Writes config, weights and tokenizer of the Llama-type model in ``gguf`` into the existing ``directory``."""
    from gguf import GGUFReader

    reader = GGUFReader(gguf)
    config = _config(reader)
    _write_json(directory / "config.json", config)
    _write_json(
        directory / "generation_config.json",
        {key: config[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")},
    )
    _write_tokenizer(reader, directory)
    _write_weights(reader, config, directory / "model.safetensors")


def _value(reader: GGUFReader, key: str) -> Any:
    return reader.fields[key].contents()


def _config(reader: GGUFReader) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": _value(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": _value(reader, "tokenizer.ggml.eos_token_id"),
        "pad_token_id": _value(reader, "tokenizer.ggml.padding_token_id"),
        "hidden_act": "silu",
        "hidden_size": _value(reader, "llama.embedding_length"),
        "intermediate_size": _value(reader, "llama.feed_forward_length"),
        "max_position_embeddings": _value(reader, "llama.context_length"),
        "mlp_bias": False,
        "num_attention_heads": _value(reader, "llama.attention.head_count"),
        "num_hidden_layers": _value(reader, "llama.block_count"),
        "num_key_value_heads": _value(reader, "llama.attention.head_count_kv"),
        # The file stores these two as float32; 1e-5 is what the model was trained with.
        "rms_norm_eps": float(f"{_value(reader, 'llama.attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_theta": _value(reader, "llama.rope.freq_base"),
        "tie_word_embeddings": True,
        "dtype": "float32",
        "vocab_size": _value(reader, "llama.vocab_size"),
    }


def _write_weights(reader: GGUFReader, config: Mapping[str, Any], path: Path) -> None:
    import numpy as np
    from gguf import dequantize
    from safetensors.numpy import save_file

    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    weights: dict[str, np.ndarray] = {}
    for tensor in reader.tensors:
        parts = tensor.name.split(".")
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if parts[0] == "blk":
            kind = parts[2]
            name = f"model.layers.{parts[1]}.{LAYER_TENSORS[kind]}.weight"
            if kind in heads:
                values = _rotary_halves(values, heads[kind])
        else:
            name = f"{TOP_TENSORS[parts[0]]}.weight"
        weights[name] = np.ascontiguousarray(values)
    save_file(weights, path, metadata={"format": "pt"})


def _rotary_halves(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a query or key projection from GGUF's order to Hugging Face's.

    Within a head GGUF puts the two rows that one rotary angle turns side by side, Hugging Face half a head apart.
    """
    rows, columns = values.shape
    return values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _write_tokenizer(reader: GGUFReader, directory: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = _value(reader, "tokenizer.ggml.tokens")
    types = _value(reader, "tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in _value(reader, "tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, types, strict=True) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(str(directory / "tokenizer.json"))
    names = {name: tokens[_value(reader, f"tokenizer.ggml.{key}_token_id")] for name, key in _SPECIAL.items()}
    _write_json(
        directory / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **names,
            "clean_up_tokenization_spaces": False,
            "model_max_length": _value(reader, "llama.context_length"),
            # In this file and not in one of its own, so that litgpt copies it along.
            "chat_template": _value(reader, "tokenizer.chat_template"),
        },
    )


_SPECIAL = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
