"""One process's part of the trial: a store of its own, in memory where there is a folder for that."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from evals.bench.report import say
from tests.trials.tenants.trial import Plan, Tally, play

MEMORY = Path("/dev/shm")
"""What is tried is whose data it is, and not that it lasts."""


def played(plan: Plan) -> Tally:
    """Play it, with the progress told."""
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        return asyncio.run(play(plan, Path(folder), say=lambda tally: _say(plan, tally)))


def _say(plan: Plan, tally: Tally) -> None:
    figures = tally.figures()
    say(
        f"part {plan.seed % 100 + 1}: {figures['hostile']} of {plan.hostile} hostile, {figures['honest']} of "
        f"{plan.honest} honest; {figures['leaks']} leaks, {figures['refused_honest']} honest ones refused, "
        f"{figures['crashed']} crashed"
    )
