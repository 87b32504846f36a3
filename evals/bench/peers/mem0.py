"""mem0 2.2.1 without a language model: raw messages (`infer=False`), its own search, in a process of its own.

It gets our vectors through its `langchain` embedder and a threshold of 0 instead of 0.1, so that it returns
as many messages as it is asked for. BM25 and entity boosts are off, as they are after `pip install mem0ai`.
`mem0_child` does the work, with a home folder that is thrown away, telemetry off and no network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.bench.peers.peer import Corpus, Missing, Vectors
from evals.bench.questions import Question

PROJECT = Path(__file__).resolve().parents[3]


def search(corpora: Sequence[Corpus], questions: Sequence[Question], vectors: Vectors, k: int) -> list[list[str]]:
    """For each question the ids of the k memories that its search returns.

    Raises: Missing when mem0 or LangChain is not installed.
    """
    job = {
        "do": "recall",
        "k": k,
        "corpora": [{"sample": c.sample, "ids": c.ids, "texts": c.texts} for c in corpora],
        "questions": [{"sample": q.sample, "text": q.text} for q in questions],
    }
    wanted = dict.fromkeys([text for c in corpora for text in c.texts] + [q.text for q in questions])
    found: list[list[str]] = run(job, list(wanted), np.stack([vectors[text] for text in wanted]))["found"]
    return found


def run(job: Mapping[str, Any], texts: Sequence[str], matrix: NDArray[np.float32]) -> dict[str, Any]:
    """Do a job in the child process and return what it answers.

    Raises: Missing; RuntimeError with the end of what the child said when it fails.
    """
    for package, hint in (("mem0", "mem0ai"), ("langchain", "langchain")):
        if find_spec(package) is None:
            raise Missing(f"{hint} is not installed")
    with tempfile.TemporaryDirectory(prefix="persona-mem0-", ignore_cleanup_errors=True) as home:
        folder = Path(home)
        (folder / "job.json").write_text(json.dumps({**job, "texts": list(texts)}), encoding="utf-8")
        np.save(folder / "vectors.npy", matrix)
        environment = {
            **os.environ,
            "HOME": home,
            "USERPROFILE": home,
            "MEM0_DIR": str(folder / "mem0"),
            "MEM0_TELEMETRY": "False",
            "OPENAI_API_KEY": "unused",
            "HF_HUB_OFFLINE": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": str(PROJECT),
        }
        child = subprocess.run(
            [sys.executable, "-m", "evals.bench.peers.mem0_child", home],
            env=environment,
            cwd=PROJECT,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        answer = folder / "answer.json"
        if not answer.exists():
            raise RuntimeError(f"mem0's process ended with {child.returncode}: {child.stderr[-600:]}")
        result: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return result
