"""Clocks: wall and CPU milliseconds of single steps, and how they are summed up."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

try:
    import resource
except ImportError:  # Windows has none
    resource = None  # type: ignore[assignment,unused-ignore]


@dataclass(slots=True)
class Times:
    """Milliseconds of each step; CPU is that of the whole process, all threads together."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @contextmanager
    def step(self) -> Iterator[None]:
        """Measure one step."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall.append(1e3 * (time.perf_counter() - wall))
        self.cpu.append(1e3 * (time.process_time() - cpu))

    def figures(self, skip: int = 0) -> dict[str, list[float]]:
        """p50 and p95 of both clocks, the first `skip` steps left out."""
        return {"cpu": percentiles(self.cpu[skip:]), "wall": percentiles(self.wall[skip:])}


def percentiles(values: Sequence[float]) -> list[float]:
    """[p50, p95]"""
    ordered = sorted(values)
    return [round(statistics.median(ordered), 3), round(ordered[int(0.95 * len(ordered))], 3)]


def rss_mb() -> float | None:
    """The largest memory that this process has held, in MB; None where the platform does not say."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
