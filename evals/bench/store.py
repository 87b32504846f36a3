"""How fast, durable and large is the store? `make bench-store`: beside a floor of SQL and numpy, and mem0.

Every measurement runs in a process of its own, floor and ours in turns. A search is hybrid, within 60 days of 365,
through the real `retrieve` with its full ranking; what encodes the question is not in its time. A Weaviate is
measured beside its own bare client instead (`weaviate/store.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from evals.bench import report
from evals.bench.peers import mem0
from evals.bench.peers.peer import Missing
from evals.bench.synthetic import START, WINDOW, Year
from evals.bench.weaviate import store as on_weaviate
from evals.bench.weaviate.place import is_weaviate

PROJECT = Path(__file__).resolve().parents[2]
ROUNDS = {1000: 3, 5000: 3, 10_000: 5, 100_000: 1}
"""How often each size is measured; the median of the rounds counts."""
MEM0_SIZES = (1000, 5000)
COMPARED = 10_000
BLAS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What tells numpy how many threads to use, whatever it was built with."""
USERS = 1000

SHOWN = (
    *("floor_cpu", "ours_cpu", "ours_pooled_cpu", "mem0_cpu"),
    *("floor_wall", "ours_wall", "ours_pooled_wall", "mem0_wall"),
    *("floor_insert_wall", "ours_insert_wall", "ours_search_after_write_wall"),
    *("floor_open_wall", "ours_open_wall", "floor_disk_mb", "ours_disk_mb", "ours_rss_mb", "mem0_rss_mb"),
)

Figures = dict[str, Any]


def child(do: str, url: str, *, threads: int | None = 1, **job: Any) -> Figures:
    """One measurement of ours."""
    command = [sys.executable, "-m", "evals.bench.store_child", json.dumps({"do": do, "url": url, **job})]
    return last_json(command, threads)


def last_json(command: Sequence[str], threads: int | None = 1) -> Figures:
    """The last line that a program prints, as JSON.

    numpy gets one thread, for the floor as for us: with more, what they burn in waiting for each other counts as CPU.
    """
    limits = {} if threads is None else dict.fromkeys(BLAS, str(threads))
    environment = {name: value for name, value in os.environ.items() if name not in BLAS} | limits
    done = subprocess.run(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def measure_size(size: int, rounds: int, url: str, floor: Path) -> Figures:
    """Floor and ours at one size, in turns."""
    report.say(f"{size} messages: building ...")
    built = child("build", url, size=size)
    disk = disk_mb(url)
    floors, ours, pooled = list[Figures](), list[Figures](), list[Figures]()
    for number in range(rounds):
        report.say(f"{size} messages: round {number + 1} of {rounds} ...")
        floors.append(last_json([sys.executable, str(floor), str(size)]))
        ours.append(child("search", url, size=size, tokens=True))
        pooled.append(child("search", url, size=size, tokens=False))
    return {
        "floor_cpu": middle([f["search_cpu"] for f in floors]),
        "floor_wall": middle([f["search_wall"] for f in floors]),
        "floor_insert_wall": middle([f["insert_wall"] for f in floors]),
        "floor_open_wall": statistics.median(f["open_wall"] for f in floors),
        "floor_disk_mb": floors[0]["disk_mb"],
        "ours_cpu": middle([f["search"]["cpu"] for f in ours]),
        "ours_wall": middle([f["search"]["wall"] for f in ours]),
        "ours_pooled_cpu": middle([f["search"]["cpu"] for f in pooled]),
        "ours_pooled_wall": middle([f["search"]["wall"] for f in pooled]),
        "ours_open_wall": statistics.median(f["open_wall"] for f in ours),
        "ours_rss_mb": ours[0]["rss_mb"],
        "ours_disk_mb": disk,
        "ours_build_s": built["build_s"],
        **(unlimited(size, url, floor) if size == COMPARED else {}),
        **inserted(child("insert", url, size=size)),
    }


def unlimited(size: int, url: str, floor: Path) -> Figures:
    """Floor and ours once more with as many numpy threads as numpy likes."""
    theirs = last_json([sys.executable, str(floor), str(size)], None)
    ours = child("search", url, threads=None, size=size, tokens=True)
    return {"floor_cpu_threads": theirs["search_cpu"], "ours_cpu_threads": ours["search"]["cpu"]}


def inserted(figures: Figures) -> Figures:
    """Durable inserts, and searches right after one."""
    return {
        "ours_insert_wall": figures["insert"]["wall"],
        "ours_search_after_write_wall": figures["search_after_write"]["wall"],
    }


def middle(pairs: Sequence[Sequence[float]]) -> list[float]:
    """The medians over rounds of [p50, p95]."""
    return [statistics.median(pair[place] for pair in pairs) for place in (0, 1)]


def disk_mb(url: str) -> float | None:
    """What a local store takes; None for a server."""
    folder = Path(url.removeprefix("sqlite:"))
    if not folder.is_dir():
        return None
    return round(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20, 1)


def measure_mem0(size: int) -> Figures:
    """mem0's search over the same kind of messages, vectors and windows; empty figures where it is missing."""
    year = Year(0)
    turns = list(year.turns(size))
    texts = [message.text for turn in turns for message in turn.messages]
    at = [turn.at.timestamp() + place for turn in turns for place in range(len(turn.messages))]
    queries = [year.sentence(6) for _ in range(105)]
    job = {
        "do": "search_times",
        "size": size,
        "at": at,
        "queries": queries,
        "start": START.isoformat(),
        "window_days": WINDOW.days,
    }
    try:
        answer = mem0.run(job, [*texts, *queries], year.vectors(len(texts) + len(queries)))
    except Missing as missing:
        report.say(f"mem0 is left out: {missing}")
        return {"mem0_cpu": None, "mem0_wall": None}
    return {
        "mem0_cpu": answer["search"]["cpu"],
        "mem0_wall": answer["search"]["wall"],
        "mem0_rss_mb": answer["rss_mb"],
        "mem0_hits": answer["hits_a_query"],
    }


def measure_cold(users: int, url: str) -> Figures:
    """Many users opened cold beside one."""
    report.say(f"{users} users of 200 messages: building ...")
    child("build_many", url, users=users)
    disk = disk_mb(url)
    report.say(f"{users} users opened cold, and one opened cold as often ...")
    figures = child("cold", url, users=users)
    return {
        "cold_many_cpu": figures["many"]["cpu"],
        "cold_many_wall": figures["many"]["wall"],
        "cold_one_cpu": figures["one"]["cpu"],
        "cold_one_wall": figures["one"]["wall"],
        "cold_rss_mb": figures["rss_mb"],
        "cold_disk_mb": disk,
        f"cold_{users}_over_one": figures["many"]["wall"][0] / figures["one"]["wall"][0],
        f"cold_{users}_over_one_cpu": figures["many"]["cpu"][0] / figures["one"]["cpu"][0],
    }


def ratio(over: Sequence[float] | None, under: Sequence[float] | None) -> float | None:
    """How many times the p50 of one is that of another."""
    return over[0] / under[0] if over and under and under[0] else None


def show(sizes: Mapping[int, Figures], cold: Figures) -> None:
    """The tables for people: milliseconds, p50 / p95."""
    rows = [[name, *(report.pair(figures.get(name)) for figures in sizes.values())] for name in SHOWN]
    report.show("one user, 60 days of 365: ms as p50 / p95", ["", *(f"{size:,}" for size in sizes)], rows)
    report.show("opened cold: ms as p50 / p95", ["", ""], [[name, report.pair(value)] for name, value in cold.items()])


def main() -> None:
    """Run, print the tables and the line of JSON."""
    parser = argparse.ArgumentParser(prog="bench-store", description=__doc__)
    parser.add_argument("--floor", type=Path, required=True, help="the program floor.py")
    parser.add_argument(
        "--store", default="", help="URL of the store, `weaviate` starts a server; SQLite in temporary folders without"
    )
    parser.add_argument("--sizes", default="", help="messages of one user, parted by commas")
    parser.add_argument("--users", default="", help="users opened cold; with Weaviate tenants, parted by commas")
    given = parser.parse_args()
    sizes, users = ([int(number) for number in text.split(",") if number] for text in (given.sizes, given.users))
    if is_weaviate(given.store):
        size = sizes[0] if sizes else on_weaviate.MESSAGES
        found = on_weaviate.measure(given.store, size, users or on_weaviate.TENANTS)
        on_weaviate.show(found)
        report.finish(found)
    else:
        report.finish(measure(given.store, given.floor, sizes or ROUNDS, users[0] if users else USERS))


def measure(store: str, floor: Path, wanted: Iterable[int], users: int) -> Figures:
    """The store beside floor and mem0 at each size, and users opened cold; prints the tables."""
    sizes: dict[int, Figures] = {}
    for size in wanted:
        with place(store) as url:
            sizes[size] = measure_size(size, ROUNDS.get(size, 1), url, floor)
        if size in MEM0_SIZES:
            report.say(f"{size} messages: mem0 ...")
            sizes[size] |= measure_mem0(size)
    with place(store) as url:
        cold = measure_cold(users, url) if users else {}
    if store:
        child("remove", store)
    show(sizes, cold)
    return figures_of(sizes, cold)


def figures_of(sizes: Mapping[int, Figures], cold: Figures) -> Figures:
    """The ratios first, then every figure with its size."""
    figures: Figures = {}
    for size, of in sizes.items():
        figures[f"ours_over_floor_{named(size)}"] = ratio(of["ours_cpu"], of["floor_cpu"])
        figures[f"ours_pooled_over_floor_{named(size)}"] = ratio(of["ours_pooled_cpu"], of["floor_cpu"])
        if size == COMPARED:
            figures[f"ours_over_floor_{named(size)}_threads"] = ratio(of["ours_cpu_threads"], of["floor_cpu_threads"])
        if "mem0_cpu" in of:
            figures[f"mem0_over_ours_{named(size)}"] = ratio(of["mem0_cpu"], of["ours_cpu"])
            figures[f"mem0_over_ours_wall_{named(size)}"] = ratio(of["mem0_wall"], of["ours_wall"])
    figures |= cold
    return figures | {f"{name}_{named(size)}": value for size, of in sizes.items() for name, value in of.items()}


def named(size: int) -> str:
    """10000 as 10k."""
    return f"{size // 1000}k" if size % 1000 == 0 else str(size)


def place(url: str) -> Any:
    """The store given, or a new folder."""
    return nullcontext(url) if url else tempfile.TemporaryDirectory(prefix="persona-bench-")


if __name__ == "__main__":
    main()
