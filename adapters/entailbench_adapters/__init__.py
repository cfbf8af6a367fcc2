"""The built-in plugins, registered through the same hooks as anybody's.

One module per backend or trainer: ``hf``, ``litgpt``, ``openai``, ``lm_eval`` and ``replay`` answer prompts,
``litgpt_lora`` trains, ``presets`` declares the named models. The other modules are what these are made of.
"""
