"""`make test-tenants`: ten thousand hostile calls and as many honest ones. Nobody reaches what is another's."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from evals.bench.report import finish, say, show
from tests.trials.tenants.part import played
from tests.trials.tenants.trial import Plan, Tally

TOLD = 20
"""Findings of a kind that are told in full."""


def main() -> int:
    """Play the trial in a few processes; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="hostile calls, and as many honest round trips")
    parser.add_argument("--seed", type=int, default=None, help="draws ids and calls; a random one otherwise")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10_000)
    say(f"{given.count} hostile calls and {given.count} honest round trips, seed {seed}")
    started, tally = time.perf_counter(), Tally()
    shares = [given.count // given.processes + (n < given.count % given.processes) for n in range(given.processes)]
    plans = [Plan(hostile=n, honest=n, seed=seed * 100 + place) for place, n in enumerate(shares)]
    with ProcessPoolExecutor(given.processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for part in pool.map(played, plans):
            tally.add(part)
    for name in ("leaks", "refused_honest", "crashed"):
        if found := getattr(tally, name):
            show(f"{name}: the first of {len(found)}", ["what"], [[ascii(each)] for each in found[:TOLD]])
    finish(tally.figures() | {"seconds": time.perf_counter() - started, "seed": seed})
    return 0 if tally.kept else 1


if __name__ == "__main__":
    sys.exit(main())
