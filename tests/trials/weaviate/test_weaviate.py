"""The trials on real servers in small, and whether they notice what they are there to notice."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

from persona_graph.memory.store import MemoryStore
from tests.support.lived import Clock, lived, opened
from tests.trials import crash, processes
from tests.trials.children import IMPOSSIBLE, POSSIBLE
from tests.trials.place import Place
from tests.trials.tenants.doors import Door
from tests.trials.tenants.trial import Plan, play
from tests.trials.weaviate import cluster, confined_key, killed_server, round_trip, stopped_server, suite

pytestmark = [
    pytest.mark.weaviate,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.usefixtures("weaviate_binary"),
    pytest.mark.skipif(not POSSIBLE, reason=IMPOSSIBLE),
]


@pytest.fixture(autouse=True)
def _client() -> None:
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")


def test_nothing_acknowledged_is_lost_by_kills_of_the_client(tmp_path: Path, weaviate_url: str) -> None:
    figures = crash.endure(
        tmp_path, kills=2, seed=5, server=f"{weaviate_url}&collection=TrialCrash{secrets.token_hex(4)}"
    )
    assert {name: figures[name] for name in crash.NONE_OF_THESE} == dict.fromkeys(crash.NONE_OF_THESE, 0)


def test_processes_share_a_user(tmp_path: Path, weaviate_url: str) -> None:
    server = f"{weaviate_url}&collection=TrialProcesses{secrets.token_hex(4)}"
    figures = processes.share(tmp_path, seconds=6, seed=5, pause_s=0.3, server=server)
    assert (figures["lost"], figures["errors"]) == (0, 0)
    assert figures["acknowledged"] > 0


async def test_nobody_reaches_what_is_anothers(tmp_path: Path, weaviate_url: str) -> None:
    store = Place(tmp_path, f"{weaviate_url}&collection=TrialTenants{secrets.token_hex(4)}").store()
    plan = Plan(hostile=20, honest=6, seed=11, names=("ana", "bob"), doors=(Door.PYTHON, Door.GRAPH))
    tally = await play(plan, tmp_path, store=store)
    assert (tally.leaks, tally.refused_honest, tally.crashed) == ([], [], [])


def test_a_confined_key_serves_its_user_and_nobody_else(tmp_path: Path) -> None:
    figures = confined_key.run(tmp_path, 0)
    assert confined_key.broken(figures) == []
    assert (figures["leaks"], figures["refused"], figures["listed"]) == (0, figures["calls_on_others"], ["ana"])
    assert figures["done"] == figures["calls_on_own"]


def test_every_method_about_a_user_is_tried_with_the_key() -> None:
    methods = {name for name in vars(MemoryStore) if not name.startswith("_")}
    assert {name.split(" ")[0] for name in confined_key.CALLS} == methods - confined_key.NOT_OF_A_USER


def test_a_server_that_stops_in_mid_turn_costs_no_answer_and_no_turn(tmp_path: Path) -> None:
    figures = stopped_server.tried(tmp_path, stopped_server.FATES[1:3])
    assert stopped_server.broken(figures) == []
    assert figures["answers"] == 4


def test_a_server_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    figures = killed_server.tried(tmp_path, 3, kills=1)
    assert killed_server.PART.broken(figures) == [], figures
    assert figures["acknowledged"] > 0


def test_a_cluster_that_loses_nodes_loses_nothing(tmp_path: Path) -> None:
    figures = cluster.tried(tmp_path, 30)
    assert {name for name in cluster.broken(figures) if name != "write_p50_ms"} == set()  # the machine may be busy
    assert figures["acknowledged"] == 30


def test_what_goes_to_a_server_and_back_is_the_same(tmp_path: Path, weaviate_url: str) -> None:
    async def live() -> None:
        async with opened(tmp_path / "here", Clock()) as persona:
            await lived(persona, 30)

    asyncio.run(live())
    figures = round_trip.there_and_back(tmp_path, f"{weaviate_url}&collection=TrialTrip{secrets.token_hex(4)}", "ana")
    assert round_trip.broken(figures) == []


def test_what_ran_and_what_was_skipped_is_read_from_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    case = '<testcase name="{}">{}</testcase>'
    cases = case.format("a", "") + case.format("b", '<skipped message="why"/>') + case.format("c", "<failure/>")
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", encoding="utf-8")
    assert suite.read(report) == {"run": 2, "failed": ["c"], "skipped": {"why": "1 tests"}}
