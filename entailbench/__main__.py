"""``python -m entailbench``."""

from entailbench.cli import main

main()
