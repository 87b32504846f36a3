"""The process that mem0 runs in: reads `job.json` and `vectors.npy` from its folder, writes `answer.json` there."""

from __future__ import annotations

import json
import random
import socket
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from evals.bench.timing import Times, rss_mb
from evals.bench.vectors import GivenVectors

WARM_UP = 5
BATCH = 1000


def main() -> None:
    """Do the job that the folder names."""
    forbid_network()
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    vectors = dict(zip(job["texts"], np.load(folder / "vectors.npy"), strict=True))
    memory = open_memory(folder, GivenVectors(vectors))
    answer = recall(memory, job) if job["do"] == "recall" else search_times(memory, job, vectors)
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def forbid_network() -> None:
    """Whatever tries to leave this machine fails at once."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError("this process has no network")

    socket.getaddrinfo = refuse
    socket.socket.connect = refuse  # type: ignore[method-assign]


def open_memory(folder: Path, embeddings: GivenVectors) -> Any:
    """A mem0 `Memory` on its default store (embedded Qdrant, on disk), with our vectors."""
    from mem0 import Memory

    store = {
        "path": str(folder / "qdrant"),
        "on_disk": True,
        "collection_name": "bench",
        "embedding_model_dims": embeddings.dimensions,
    }
    return Memory.from_config(
        {
            "vector_store": {"provider": "qdrant", "config": store},
            "embedder": {"provider": "langchain", "config": {"model": embeddings}},
            "llm": {"provider": "openai", "config": {"api_key": "unused"}},
            "history_db_path": str(folder / "history.db"),
        }
    )


def recall(memory: Any, job: Mapping[str, Any]) -> dict[str, Any]:
    """Every message through `add(infer=False)`, then one `search` a question."""
    for corpus in job["corpora"]:
        for id, text in zip(corpus["ids"], corpus["texts"], strict=True):
            memory.add(text, user_id=corpus["sample"], metadata={"outside_id": id}, infer=False)
    found = []
    for question in job["questions"]:
        hits = memory.search(question["text"], filters={"user_id": question["sample"]}, top_k=job["k"], threshold=0.0)
        found.append([hit["metadata"]["outside_id"] for hit in hits["results"]])
    return {"found": found}


def search_times(memory: Any, job: Mapping[str, Any], vectors: Mapping[str, Any]) -> dict[str, Any]:
    """Search with its own filter on `created_at`, a window of `job["window_days"]`.

    Only the search is measured, so messages go into its vector store in batches, as `add` would write them.
    """
    texts = job["texts"][: job["size"]]
    for start in range(0, len(texts), BATCH):
        batch = range(start, min(start + BATCH, len(texts)))
        memory.vector_store.insert(
            vectors=[vectors[texts[i]].tolist() for i in batch],
            ids=[str(uuid.UUID(int=i + 1)) for i in batch],
            payloads=[payload(texts[i], job["at"][i]) for i in batch],
        )
    pick, times, returned = random.Random(1), Times(), 0
    for query in job["queries"]:
        start_at = datetime.fromisoformat(job["start"]) + timedelta(days=pick.uniform(0, 365 - job["window_days"]))
        window = {"gte": start_at.isoformat(), "lt": (start_at + timedelta(days=job["window_days"])).isoformat()}
        with times.step():
            hits = memory.search(query, filters={"user_id": "bench", "created_at": window}, top_k=10, threshold=0.0)
        returned += len(hits["results"])
    return {"search": times.figures(WARM_UP), "hits_a_query": returned / len(job["queries"]), "rss_mb": rss_mb()}


def payload(text: str, at: float) -> dict[str, Any]:
    """What mem0 keeps beside a vector."""
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    return {
        "user_id": "bench",
        "role": "user",
        "data": text,
        "hash": uuid.uuid5(uuid.NAMESPACE_OID, text).hex,
        "created_at": moment,
        "updated_at": moment,
        "text_lemmatized": text,
    }


if __name__ == "__main__":
    main()
