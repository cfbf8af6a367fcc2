"""Our own training engine: litgpt's LoRA modules, driven over packs of tokens instead of padded batches.

``samples`` → ``batches`` (what makes a step) → ``tree`` (what makes a forward pass) → ``forward`` over ``attention`` →
``loop``, which ``state`` can interrupt anywhere; ``engine`` puts it together.
"""
