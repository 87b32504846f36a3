"""The tests that need a server: the contract of every store, the store's own, and those of the server's support."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from evals.bench.weaviate.server import WeaviateServer
from tests.trials.weaviate.part import Figures, Part

PROJECT = Path(__file__).parents[3]
CONTRACT = ("tests/contracts/memory_store", "-k", "weaviate")
OWN = ("tests/persona_graph/memory", "-m", "weaviate")


def contract(folder: Path, _seed: int) -> Figures:
    """The whole contract suite; how many tests ran, and which were skipped and why."""
    return tested(folder, *CONTRACT)


def own(folder: Path, _seed: int) -> Figures:
    """What else is promised of this store: its recovery, its search, the embedded server."""
    return tested(folder, *OWN)


def tested(folder: Path, *arguments: str) -> Figures:
    """Run pytest."""
    report = folder / "report.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments],
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if not report.is_file():
        raise RuntimeError(done.stdout[-2_000:] + done.stderr[-2_000:])
    return read(report)


def read(report: Path) -> Figures:
    """Figures of a report of pytest's."""
    run, failed, skipped = 0, list[str](), Counter[str]()
    for case in ElementTree.parse(report).iter("testcase"):
        reason = case.find("skipped")
        if reason is not None:
            skipped[reason.get("message", "")] += 1
            continue
        run += 1
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(case.get("name", ""))
    return {"run": run, "failed": failed, "skipped": {why: f"{n} tests" for why, n in skipped.items()}}


def demo(_folder: Path, seed: int) -> Figures:
    """`persona demo` on a server, and on one of its own that it starts and stops."""
    with WeaviateServer() as server:
        served = _demo(server.url, seed)
    own_server = _demo(f"weaviate+embedded://{_folder / 'embedded'}", seed)
    return {"run": 2, "failed": [n for n, f in (("server", served), ("embedded", own_server)) if not f["recalled"]]} | {
        "server": served,
        "embedded": own_server,
    }


def _demo(store: str, seed: int) -> Figures:
    done = subprocess.run(
        [sys.executable, "-m", "persona_graph", "demo", "--seed", str(seed), "--store", store],
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    last = done.stdout.splitlines()[-1] if done.stdout.strip() else ""
    if not last.startswith("{"):
        raise RuntimeError(f"the demo ended with {done.returncode}: {done.stderr[-600:]}")
    found: Figures = json.loads(last)
    return {name: found[name] for name in ("recalled", "checks", "turns", "memories", "seconds")}


def broken(figures: Figures) -> list[str]:
    """Which figures break a promise."""
    return ["failed"] if figures["failed"] else []


CONTRACT_PART = Part(name="contract", what="the contract suite of every store", run=contract, broken=broken)
OWN_PART = Part(name="own", what="the store's own tests on a server", run=own, broken=broken)
DEMO_PART = Part(name="demo", what="the demo on a server and on an embedded one", run=demo, broken=broken)
