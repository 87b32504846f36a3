"""Does turn search find the evidence? `make bench-recall`: LoCoMo, ours beside cosine, BM25, LangGraph and mem0.

Every conversation is one person's plain journal. A question gets k messages and nothing more; its recall is the
share of its evidence among them. All systems see the same texts and the same vectors in one run. With a store given
the embedded one is searched beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from evals.bench import report
from evals.bench.ours import Journals, persona_over
from evals.bench.peers import bm25, cosine, langgraph_store, mem0
from evals.bench.peers.peer import Corpus, Missing, Vectors
from evals.bench.questions import ADVERSARIAL, CATEGORIES, Question, corrected, read_locomo
from evals.bench.scores import DEPTHS, answerable, difference, mean, recalls, where
from evals.bench.vectors import RememberedEmbeddings
from evals.bench.weaviate import place
from persona_graph.memory.open import open_store

AT = 10
"""The depth that systems are compared at."""
OURS = ("ours_words", "ours_minilm")
EMBEDDED = ("embedded_words", "embedded_minilm")
"""The same from the embedded store, where another was given."""
DIFFERENCES = {"difference_words": ("ours_words", "embedded_words"), "difference": ("ours_minilm", "embedded_minilm")}
"""What the store given finds less what the embedded one does."""

Search = Callable[[Sequence[Corpus], Sequence[Question], Vectors, int], list[list[str]]]
PEERS: Mapping[str, Search] = {
    "cosine": cosine.search,
    "bm25": bm25.search,
    "langgraph": langgraph_store.search,
    "mem0": mem0.search,
}

Ranked = Mapping[int, Sequence[Sequence[str]]]
"""For each depth and question the ids found."""
Found = Mapping[str, Ranked | None]
"""What each system found; None where its package is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run asked and found."""

    questions: Sequence[Question]
    found: Found


async def run(data: Path, samples: Sequence[str], urls: Sequence[str]) -> Run:
    """Search with every system; of two stores the second is the embedded one.

    mem0, in its own process, works while the others do: nothing here is timed.
    """
    from evals.bench.minilm import MiniLM

    histories, questions = read_locomo(data, samples)
    messages = sum(history.messages for history in histories)
    report.say(f"{len(histories)} conversations, {messages} messages, {len(questions)} questions")
    embeddings = RememberedEmbeddings(MiniLM())
    corpora = [Corpus.of(history) for history in histories]
    report.say("encoding the messages as the others see them ...")
    vectors = embeddings.vectors([text for c in corpora for text in c.texts] + [q.text for q in questions])
    given = (corpora, questions, vectors, max(DEPTHS))
    with ThreadPoolExecutor(max_workers=1) as pool:
        beside = pool.submit(mem0.search, *given)
        found: dict[str, Ranked | None] = {}
        for names, url in zip((OURS, EMBEDDED), urls, strict=False):
            report.say(f"{names[0].partition('_')[0]}, {url.partition(':')[0]}:")
            ranked = await _ours(Journals(open_store(url), histories), questions, embeddings)
            found |= dict(zip(names, ranked, strict=True))
        for name, search in PEERS.items():
            report.say(f"{name} ...")
            found[name] = _theirs(beside.result if name == "mem0" else partial(search, *given))
    return Run(questions=questions, found=found)


async def _ours(
    journals: Journals, questions: Sequence[Question], embeddings: RememberedEmbeddings
) -> tuple[Ranked, Ranked]:
    """By words alone, and with vectors."""
    try:
        report.say("writing journals ...")
        await journals.write()
        report.say("searching without an embedder ...")
        words = await journals.search_at_depths(questions, persona_over(journals.store))
        persona = persona_over(journals.store, embeddings)
        await journals.embed(persona, report.say)
        report.say("searching with MiniLM ...")
        return words, await journals.search_at_depths(questions, persona)
    finally:
        await journals.remove()
        await journals.store.close()


def _theirs(search: Callable[[], list[list[str]]]) -> Ranked | None:
    try:
        return dict.fromkeys(DEPTHS, search())
    except Missing as missing:
        report.say(f"left out: {missing}")
        return None


def figures_of(run: Run) -> dict[str, Any]:
    """Every figure under its name."""
    figures: dict[str, Any] = {
        "questions": int(answerable(run.questions).sum()),
        "adversarial_questions": int((~answerable(run.questions)).sum()),
    }
    groups = {"": answerable(run.questions), "_adversarial": where(run.questions, lambda c: c == ADVERSARIAL)}
    groups |= {f"_c{n}": where(run.questions, lambda c, n=n: c == n) for n in CATEGORIES if n != ADVERSARIAL}  # type: ignore[misc]
    for group, chosen in groups.items():
        for name, found in run.found.items():
            for k in DEPTHS:
                recall = None if found is None else mean(recalls(run.questions, found[k], k), chosen)
                figures[f"{name}{group}@{k}"] = recall
    for name, (ours, embedded) in DIFFERENCES.items():
        if embedded in run.found:
            figures |= {f"{name}@{k}": figures[f"{ours}@{k}"] - figures[f"{embedded}@{k}"] for k in DEPTHS}
    return figures | _against_best(run)


def _against_best(run: Run) -> dict[str, Any]:
    """Ours less the best rival at 10, with its interval."""
    chosen = answerable(run.questions)
    present = {name: found for name, found in run.found.items() if found is not None}
    each = {name: recalls(run.questions, found[AT], AT)[chosen] for name, found in present.items()}
    rivals = {name: float(values.mean()) for name, values in each.items() if name not in OURS + EMBEDDED}
    best = max(rivals, key=lambda name: rivals[name])
    gaps = {f"{name}_minus_best_rival@{AT}": difference(each[name], each[best]) for name in OURS}
    return {f"best_rival@{AT}": best, **gaps}


def show(run: Run, figures: Mapping[str, Any], title: str) -> None:
    """The table for people."""
    groups = {("_adversarial" if n == ADVERSARIAL else f"_c{n}"): name for n, name in CATEGORIES.items()}
    columns = {f"1-4 @{k}": f"@{k}" for k in DEPTHS} | {
        f"{name} @{AT}": f"{group}@{AT}" for group, name in groups.items()
    }
    rows = [[name, *(figures[f"{name}{key}"] for key in columns.values())] for name in run.found]
    report.show(title, ["system", *columns], rows)
    for name in OURS:
        gap, low, high = figures[f"{name}_minus_best_rival@{AT}"]
        best = figures[f"best_rival@{AT}"]
        report.say(f"{name} - {best} @{AT}: {gap:+.1f} [{low:+.1f}, {high:+.1f}] (paired bootstrap, 95 %)")
    for name, (ours, embedded) in DIFFERENCES.items():
        if embedded in run.found:
            gaps = ", ".join(f"{figures[f'{name}@{k}']:+.2f} @{k}" for k in DEPTHS)
            report.say(f"{ours} - {embedded}: {gaps}")


def with_audit(run: Run, data: Path) -> dict[str, Any]:
    """The same run against the audited answer key, where one lies beside the data."""
    audits = sorted(data.parent.glob("answer_key_audit*.json"))
    if not audits:
        return {}
    fixed = Run(questions=corrected(run.questions, audits[0]), found=run.found)
    figures = figures_of(fixed)
    show(fixed, figures, f"evidence as corrected by {audits[0].name}")
    return {f"audited_{name}@{k}": figures[f"{name}@{k}"] for name in run.found for k in DEPTHS}


def main() -> None:
    """Run, print the tables and the line of JSON."""
    parser = argparse.ArgumentParser(prog="bench-recall", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a LoCoMo file")
    parser.add_argument("--conversations", default="", help="sample ids, parted by commas; all when left out")
    parser.add_argument(
        "--store", default="", help="URL of a store beside the embedded one; `weaviate` starts a server for it"
    )
    given = parser.parse_args()
    samples = [name for name in given.conversations.split(",") if name]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="persona-bench-"))
        urls = [stack.enter_context(place.opened(given.store)).url, folder] if given.store else [folder]
        result = asyncio.run(run(given.data, samples, urls))
    figures = figures_of(result)
    show(result, figures, f"evidence recall, {given.data.name}, labels as published")
    report.finish(figures | with_audit(result, given.data) | {"conversations": samples or "all"})


if __name__ == "__main__":
    main()
