"""The part of `bench-store` for a store on a Weaviate server: searches, durable inserts, many tenants."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.bench import report
from evals.bench.weaviate.place import Place, opened
from evals.bench.weaviate.server import WeaviateServer

PROJECT = Path(__file__).resolve().parents[3]
MESSAGES = 10_000
TENANTS = (1, 100, 1000)
QUERIES, INSERTS, IN_A_ROW = 200, 200, 1000
SETTLE_S = 90
"""A minute after the last write the server puts what it holds in memory into its files: a user who writes all the time
has little there, but after ten thousand writes each search by vector, a bare one too, copies all of it first."""
NO_SERVER = "the server was not started here: its process and its files cannot be looked at"

Figures = dict[str, Any]


def measure(store: str, messages: int = MESSAGES, tenants: Sequence[int] = TENANTS) -> Figures:
    """All of it: one user's year, and then many users, each on a place of its own."""
    with opened(store) as place:
        report.say(f"one user of {messages:,} messages: building ...")
        figures = child("build", place, messages=messages)
        report.say(f"letting the server settle for {SETTLE_S} s ...")
        time.sleep(SETTLE_S)
        report.say("searches of all kinds beside bare hybrid calls ...")
        figures |= child("search", place, queries=QUERIES)
        report.say("durable inserts beside bare inserts ...")
        figures |= child("insert", place, inserts=INSERTS, in_a_row=IN_A_ROW)
    with opened(store) as place:
        figures |= of_tenants(place, tenants)
    return {"store": store.partition("?")[0], "messages": messages, **figures}


def of_tenants(place: Place, counts: Sequence[int]) -> Figures:
    """More and more users: what a search costs then, and what the server takes."""
    figures: Figures = {} if place.server is not None else {"server_left_out": NO_SERVER}
    empty = {**started_again(place.server), **taken(place.server)}
    before = 0
    for count in counts:
        report.say(f"{count:,} tenants: building ...")
        made = child("populate", place, first=before, last=count) | taken(place.server)
        report.say(f"{count:,} tenants: searches and inserts, after another start of a server of ours ...")
        made |= started_again(place.server)
        made |= child("touch", place, users=count)
        made |= {f"{name}_after_use": value for name, value in taken(place.server).items()}
        if "disk_mb" in made:
            made["disk_kb_a_tenant"] = (made["disk_mb"] - empty["disk_mb"]) * 1024 / count
        figures |= {f"tenants_{count}_{name}": value for name, value in made.items()}
        before = count
    return figures | {f"tenants_0_{name}": value for name, value in empty.items()}


def taken(server: WeaviateServer | None) -> Figures:
    """Memory and open files of a server that was started here; nothing for others, or where /proc says nothing."""
    process = Path("/proc") / ("none" if server is None else str(server.pid))
    if not process.is_dir():
        return {}
    status = (process / "status").read_text(encoding="ascii")
    kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return {"rss_mb": kilobytes / 1024, "open_files": len(list((process / "fd").iterdir()))}


def started_again(server: WeaviateServer | None) -> Figures:
    """What all data takes on disk once the server has ended, and how it starts with it."""
    if server is None:
        return {}
    server.stop()
    files = [path.stat() for path in (server.folder / "data").rglob("*") if path.is_file()]
    began = time.perf_counter()
    server.start()
    started = {"start_s": time.perf_counter() - began, "disk_mb": sum(f.st_blocks for f in files) * 512 / 2**20}
    return started | {f"{name}_after_start": value for name, value in taken(server).items()}


def child(do: str, place: Place, **job: Any) -> Figures:
    """One measurement, in a process of its own."""
    command = [sys.executable, "-m", "evals.bench.weaviate.child", json.dumps({"do": do, "url": place.url, **job})]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def show(figures: Mapping[str, Any]) -> None:
    """The table for people: milliseconds, p50 / p95."""
    report.show(
        "a store on Weaviate: ms as p50 / p95", ["", ""], [[name, report.pair(of)] for name, of in figures.items()]
    )
