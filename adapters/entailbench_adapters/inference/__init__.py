"""The inference engine: answers and scores of transformers models over flat token axes and shared keys and values.

``engine.Engine`` is the way in; docs/performance.md says how it works and what was measured. Importing this package
imports nothing heavy.
"""

VERSION = "2"
"""Part of every model's identity. Raise it when answers may change."""
