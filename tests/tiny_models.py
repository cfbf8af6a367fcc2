"""Real, tiny language models, built on the spot: for tests that need a model and not its knowledge."""

from __future__ import annotations

from pathlib import Path

SENTENCES = (
    "Alice is taller than Bob. Bob is not taller than Carol, who is much shorter than Dave.",
    "Question: is Carol taller than Alice? Answer with entailment or not entailment.",
    "Every knight tells the truth and every knave lies. The cat sat on the mat, the dog on the rug.",
    "If it rains, the street is wet; the street is dry, so it does not rain. 0 1 2 3 4 5 6 7 8 9",
    "label: entailment\nlabel: not entailment\nContext: premise. Hypothesis: what follows from it?",
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CONTEXT_TOKENS = 1024
VOCABULARY = 400


def make_tiny_llama(
    directory: Path, *, seed: int = 0, tied: bool = True, chat: bool = True, context: int = CONTEXT_TOKENS
) -> Path:
    """Writes a Llama of 2 layers (hidden 64, 4 heads on 2 key-value heads) with a byte-level BPE tokenizer.

    The weights are random from ``seed``, spread so widely that greedy answers depend on the prompt.

    Args:
        directory: made if it does not exist; holds config, safetensors weights and tokenizer afterwards.
        seed: of the weights; the tokenizer is always the same.
        tied: whether the output head is the embedding matrix.
        chat: whether the tokenizer has a (ChatML) chat template; without one it begins plain text with its BOS token.
        context: tokens that it can read.

    Returns:
        ``directory``.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tiny_tokenizer(chat=chat)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=tied,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            if "norm" not in name:
                spread = 1.0 if weight.shape[0] == VOCABULARY else 0.25
                weight.copy_(torch.randn(weight.shape, generator=generator) * spread)
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def make_tiny_tokenizer(*, chat: bool = True):  # type: ignore[no-untyped-def]  # transformers is imported late
    """The tokenizer of ``make_tiny_llama``: at most ``VOCABULARY`` byte-level BPE tokens."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    if not chat:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
        )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>" if chat else "<|endoftext|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )
    if chat:
        wrapped.chat_template = CHAT_TEMPLATE
    return wrapped
