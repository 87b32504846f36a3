"""Is anything acknowledged lost by kill -9? `make test-crash`: one store, hundreds of kills, an audit after each.

A child (`errands`) talks, updates, closes sessions, corrects, erases and migrates for four users side by side, and
tells before each errand and after it was acknowledged. It is killed with SIGKILL at random moments, half of them
aimed into the middle of an errand, and another child goes on with the same store. After each kill everything that was
ever acknowledged is looked up in a copy of the store (`audit`); in the end all outboxes are emptied and looked at
once more. POSIX only.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evals.bench import report
from tests.trials import audit, errands, findings, migration
from tests.trials.announcements import Done, Errand, Refused, Started, Updated
from tests.trials.children import IMPOSSIBLE, POSSIBLE, Child, Failed
from tests.trials.errands import USERS
from tests.trials.findings import Findings
from tests.trials.ledger import Ledger
from tests.trials.place import Place

KILLS = 200
ACKNOWLEDGED_PER_KILL = 10
LIFE_S = (0.02, 0.4)
"""How long a child lives, at least and at most, before it is killed or aimed at."""
SERVED_LIFE_S = (0.1, 3.0)
"""The same for one that talks to a server, which is slower."""
WAIT_S = 3.0
"""How long one waits for the errand that is aimed at."""
BEGIN_S = 30.0
"""How long one waits for a child that talks to a server to begin."""
USUAL_S = 0.03
"""How long an errand takes, before any was seen."""
LATER = 100
"""How many errands' time passes before the end, so that no claim of a child that was killed holds up the rest."""
NONE_OF_THESE = ("acknowledged_lost", "corrupt", "doubled", "disorder", "errors")
"""Figures that promise a zero."""


class Trial:
    """One store, its children and what they were promised."""

    def __init__(self, folder: Path, seed: int, server: str = "") -> None:
        self.folder, self.seed = folder, seed
        self.store = Place(folder / "store", server)
        self.findings = Findings()
        self.errors: list[str] = []
        self.kills = 0
        self.migrations = 0
        self.parts_left = 0
        self.acknowledged: Counter[str] = Counter()
        self.killed: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._ledgers = {user: Ledger(user=user) for user in USERS}
        self._started: dict[int, Started] = {}
        self._next = 0
        self._took: dict[Errand, float] = {}
        self._no_migration = "a server has no older schema" if server else migration.why_not()
        self._kept = {} if self._no_migration else asyncio.run(migration.undisturbed(folder / "undisturbed"))
        self._migrating: dict[int, bool] = {}
        self._aims = [errand for errand in Errand if errand is not Errand.MIGRATE or not self._no_migration]

    def run(self, kills: int) -> None:
        """Kill so many children, then finish."""
        if self._no_migration:
            report.say(f"no migrations: {self._no_migration}")
        for number in range(kills):
            self._live()
            asyncio.run(self._check())
            if (number + 1) % max(1, kills // 20) == 0:
                report.say(f"{self.kills} kills, {self.acknowledged.total()} acknowledged, {self._broken()} broken")
        asyncio.run(self._finish())

    def _broken(self) -> int:
        return len(self.findings.every) + len(self.errors)

    def _live(self) -> None:
        """One child's life."""
        aim = self._rng.choice(self._aims) if self._rng.random() < 0.5 else None
        begin = self.store, self.seed, self._next, None
        with Child.start(errands.run, *begin, migrates=not self._no_migration) as child:
            if self.store.server:
                self._begin(child)
            self._listen(child, self._rng.uniform(*(SERVED_LIFE_S if self.store.server else LIFE_S)))
            if aim is not None:
                self._listen(child, WAIT_S, aim)
                self._listen(child, self._rng.uniform(0, 1.5 * self._took.get(aim, USUAL_S)))
            alive = child.process.is_alive()
            self._note(child.kill())
            self._learn(child)
        if not alive:
            self.errors.append("a child ended by itself")
        self.kills += 1
        flying = [started.errand.value for ledger in self._ledgers.values() for started in ledger.flying.values()]
        self.killed.update(flying or ["between"])

    def _begin(self, child: Child) -> None:
        """Wait until it does something: the client alone takes seconds to import."""
        deadline = time.monotonic() + BEGIN_S
        while not child.news and time.monotonic() < deadline and child.process.is_alive():
            self._note(child.listen(0.1))

    def _listen(self, child: Child, seconds: float, aim: Errand | None = None) -> None:
        """Note what a child tells for so long, or until it starts an errand of a kind."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and child.process.is_alive():
            news = child.listen(left)
            self._note(news)
            if aim is not None and any(isinstance(one, Started) and one.errand is aim for one in news):
                return

    def _note(self, news: Iterable[object]) -> None:
        for one in news:
            match one:
                case Started():
                    self._started[one.number] = one
                    self._next = max(self._next, one.number + 1)
                    self._ledgers[one.user].note(one)
                    if one.errand is Errand.MIGRATE:
                        self._migrating[one.number] = False
                case Updated():
                    self.acknowledged["commit"] += 1
                    self._ledgers[one.user].note(one)
                case Done():
                    started = self._started[one.number]
                    self.acknowledged[started.errand.value] += 1
                    self._ledgers[started.user].note(one)
                    if started.errand is Errand.MIGRATE:
                        self._migrating[one.number] = True
                case Refused():
                    self._ledgers[self._started[one.number].user].note(one)
                case Failed():
                    self.errors.append(one.what)

    def _learn(self, child: Child) -> None:
        """How long errands take, so that a kill can be aimed into them."""
        began: dict[int, float] = {}
        for moment, news in child.news:
            if isinstance(news, Started):
                began[news.number] = moment
            elif isinstance(news, Done) and news.number in began:
                errand = self._started[news.number].errand
                took = moment - began[news.number]
                self._took[errand] = 0.8 * self._took.get(errand, took) + 0.2 * took

    async def _check(self) -> None:
        ledgers = self._ledgers.values()
        self.findings.add(await audit.check_copy(self.store, ledgers, self.folder / "copy"))
        for number, acknowledged in self._migrating.items():
            copy = self.folder / "migrated" / str(number)
            self.findings.add(await migration.check(copy, self._kept, acknowledged=acknowledged))
            self.migrations += 1
        self._migrating.clear()
        shutil.rmtree(self.folder / "migrated", ignore_errors=True)

    async def _finish(self) -> None:
        """Empty all outboxes, in a process of its own, and look once more."""
        with Child.start(errands.finish, self.store, self._next + LATER) as child:
            self._note(child.last_words())
        if child.process.exitcode:
            self.errors.append(f"the last child ended with {child.process.exitcode}")
        ledgers = self._ledgers.values()
        self.findings.add(await audit.check(self.store, ledgers))
        self.findings.add(await audit.check_finished(self.store, ledgers))
        self.parts_left = audit.parts_left(self.store.folder)

    def figures(self, seconds: float) -> dict[str, Any]:
        """All figures."""
        return {
            "kills": self.kills,
            "acknowledged": self.acknowledged.total(),
            "acknowledged_lost": len(self.findings.lost),
            "corrupt": len(self.findings.corrupt),
            "doubled": len(self.findings.doubled),
            "disorder": len(self.findings.disorder),
            "errors": len(self.errors),
            "migrations": self.migrations,
            "parts_left": self.parts_left,
            "acknowledged_by_kind": dict(sorted(self.acknowledged.items())),
            "killed_by_kind": dict(sorted(self.killed.items())),
            "seconds": seconds,
            "seed": self.seed,
        }


def endure(folder: Path, *, kills: int, seed: int, server: str = "") -> dict[str, Any]:
    """Run the trial in an empty folder, or on a server; its figures. Each broken promise is printed."""
    trial, started = Trial(folder, seed, server), time.perf_counter()
    trial.run(kills)
    findings.tell([*trial.findings.every, *(f"error: {error}" for error in trial.errors)])
    return trial.figures(time.perf_counter() - started)


def broken(figures: dict[str, Any], kills: int) -> list[str]:
    """Which figures break a promise."""
    most = {"kills": kills, "acknowledged": kills * ACKNOWLEDGED_PER_KILL}
    return [name for name in NONE_OF_THESE if figures[name]] + [n for n, least in most.items() if figures[n] < least]


def main() -> int:
    """Run, print the table and the line of JSON; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="test-crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help="how many children are killed")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="what the errands are drawn from")
    given = parser.parse_args()
    if not POSSIBLE:
        report.say(f"skipped: {IMPOSSIBLE}")
        return 0
    report.say(f"seed {given.seed}, {given.kills} kills")
    with tempfile.TemporaryDirectory(prefix="persona-crash-") as folder:
        figures = endure(Path(folder), kills=given.kills, seed=given.seed)
    report.show("killed and restarted", ["", ""], figures.items())
    report.finish(figures)
    return int(bool(broken(figures, given.kills)))


if __name__ == "__main__":
    sys.exit(main())
