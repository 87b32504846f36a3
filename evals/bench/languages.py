"""Is turn search as good in Chinese as in English? `make bench-languages`: MemoryBank, no embedder.

The same 15 people in two languages, each ingested by the product's loader as one user's journal. Asked is every
question whose answer stands in the log, at the log's last date; its evidence was marked by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from evals.bench import report
from evals.bench.ours import Journals, persona_over
from evals.bench.questions import Question, read_memorybank
from evals.bench.scores import DEPTHS, recalls
from persona_graph.memory.open import open_store

LANGUAGES = ("en", "zh")
MARKS = Path(__file__).with_name("memorybank_evidence.json")


async def measure(data: Path, language: str, url: str) -> dict[str, Any]:
    """Recall in one language."""
    histories, questions, unanswered = read_memorybank(data, language, MARKS)
    journals = Journals(open_store(url), histories, f"bench-{language}-")
    try:
        await journals.write()
        found = await journals.search_at_depths(questions, persona_over(journals.store))
    finally:
        await journals.remove()
        await journals.store.close()
    recall = {f"{language}@{k}": float(recalls(questions, found[k], k).mean()) for k in DEPTHS}
    _show_missed(questions, found[DEPTHS[0]], language)
    return recall | {
        f"{language}_questions": len(questions),
        f"{language}_without_answer": unanswered,
        f"{language}_messages": sum(history.messages for history in histories),
    }


def _show_missed(questions: Sequence[Question], found: Sequence[Sequence[str]], language: str) -> None:
    missed = [q for q, ids in zip(questions, found, strict=True) if not q.evidence & set(ids)]
    report.say(f"{language}: nothing found at {DEPTHS[0]} for {len(missed)} of {len(questions)} questions, such as")
    for question in missed[:5]:
        report.say(f"  {question.sample}: {question.text}")


def main() -> None:
    """Run, print the table and the line of JSON."""
    parser = argparse.ArgumentParser(prog="bench-languages", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of MemoryBank's files")
    parser.add_argument("--store", default="", help="URL of the store; SQLite in a temporary folder when left out")
    given = parser.parse_args()
    figures: dict[str, Any] = {}
    with nullcontext(given.store) if given.store else tempfile.TemporaryDirectory(prefix="persona-bench-") as url:
        for language in LANGUAGES:
            figures |= asyncio.run(measure(given.data, language, url))
    columns = ["language", *(f"@{k}" for k in DEPTHS), "questions", "messages"]
    rows = [
        [lang, *(figures[f"{lang}@{k}"] for k in DEPTHS), figures[f"{lang}_questions"], figures[f"{lang}_messages"]]
        for lang in LANGUAGES
    ]
    report.show("evidence recall of turn search without an embedder, MemoryBank", columns, rows)
    first, second = (figures[f"{language}@{DEPTHS[0]}"] for language in LANGUAGES)
    report.finish(figures | {f"zh_over_en@{DEPTHS[0]}": second / first if first else None})


if __name__ == "__main__":
    main()
