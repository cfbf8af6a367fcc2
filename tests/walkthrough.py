"""Executes docs/walkthrough.ipynb. ``python tests/walkthrough.py`` keeps in the file what its cells printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[1] / "docs" / "walkthrough.ipynb"
TEMPORARY = re.compile(r"\S*/entailbench-\w+(?=/)")
LIMIT = 900
"""Seconds that one cell may take."""


def read(path: Path = NOTEBOOK) -> Any:
    """The notebook as it is in the file."""
    import nbformat

    return nbformat.read(path, as_version=4)


def execute(notebook: Any) -> Any:
    """Runs all cells in a fresh kernel; raises ``CellExecutionError`` where one fails. Returns the notebook."""
    from nbclient import NotebookClient

    return NotebookClient(notebook, timeout=LIMIT, kernel_name="python3").execute()


def printed(cell: Any) -> str:
    """What a cell wrote to standard output, or showed."""
    parts = []
    for output in cell.get("outputs", ()):
        if output["output_type"] == "stream" and output["name"] == "stdout":
            parts.append(output["text"])
        elif "data" in output:
            parts += [text for kind, text in output["data"].items() if kind.startswith("text/")]
    return "".join(parts)


def tidy(notebook: Any) -> Any:
    """Takes out what differs from run to run and tells nobody anything: progress, the temporary folder."""
    import nbformat

    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            told = [output for output in cell.outputs if output.get("name") != "stderr"]
            text = "".join(output["text"] for output in told if output["output_type"] == "stream")
            text = TEMPORARY.sub("…", text)
            # What a process prints comes in pieces.
            whole = [nbformat.v4.new_output("stream", name="stdout", text=text)] if text else []
            cell.outputs = [*whole, *(output for output in told if output["output_type"] != "stream")]
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    return notebook


if __name__ == "__main__":
    import nbformat

    nbformat.write(tidy(execute(read())), NOTEBOOK)
