"""Puzzles whose answers are proved: what follows from what is computed, never guessed.

Imports only ``entailbench.errors`` and ``entailbench.records``.
"""
