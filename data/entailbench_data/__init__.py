"""Data that the package carries: generated puzzles with their manifest. Nothing here is code."""
