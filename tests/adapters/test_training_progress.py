"""What a training says about its pace."""

from __future__ import annotations

import pytest

from entailbench_adapters.training.progress import Pace, Progress, duration


def after(progress: Progress, step: int, seconds: float) -> None:
    progress.step, progress.seconds = step, seconds
    progress.samples, progress.tokens = 8 * step, 800 * step
    progress.losses.append((step, 0.5))


def test_the_time_left_does_not_count_what_the_first_step_took() -> None:
    """A minute of compiling, then a step a second."""
    progress = Progress()
    pace = Pace(progress)
    after(progress, 1, 61)
    assert "left" not in pace.line(100)
    after(progress, 11, 71)
    line = pace.line(100)
    assert line.endswith("1 min 29 s left")
    assert "8 samples/s" in line
    assert "800 tokens/s" in line


def test_the_last_line_and_a_resumed_training() -> None:
    progress = Progress()
    after(progress, 50, 500)
    pace = Pace(progress)
    after(progress, 60, 520)
    pace.line(100)
    after(progress, 80, 540)
    assert pace.line(100).endswith("20 s left")
    after(progress, 100, 560)
    assert "left" not in pace.line(100)


@pytest.mark.parametrize(
    ("seconds", "said"), [(8, "8 s"), (192, "3 min 12 s"), (7500, "2 h 5 min"), (59.6, "1 min 0 s"), (0, "0 s")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
