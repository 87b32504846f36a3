"""Fits the weights of ranking on LoCoMo's development conversations and writes `persona_graph/retrieval/weights.py`.

    python -m evals.bench.fit_weights locomo_dev.json            # leave-one-conversation-out figures
    python -m evals.bench.fit_weights locomo_dev.json --write    # and the weights of all conversations

The loss is a conditional logit: each piece of evidence against all messages of its conversation that are
none, with a ridge. It is convex, so the same data gives the same weights. Adversarial questions
(category 5) are never fitted on. The data is CC BY-NC 4.0 and is read from a path, never kept here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from persona_graph.retrieval import weights as weights_module
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.candidates import MessageCandidates
from persona_graph.retrieval.features import NEARBY, message_features, token_features
from persona_graph.retrieval.marks import marks
from persona_graph.retrieval.question import Question, read_question
from persona_graph.retrieval.token_vectors import StoredTokens, TokenMatch, TokenSpace

_COMMON = ("speaker", "date", "answer", "first_person", "question", "name")
SETS: Mapping[str, tuple[str, ...]] = {
    "WORDS": ("words", "words_nearby", *_COMMON),
    "VECTORS": ("words", "words_nearby", "meaning", "meaning_nearby", *_COMMON),
    "TOKENS": ("words", "tokens", "tokens_nearby", "meaning", "meaning_nearby", *_COMMON),
}
"""Which features each set of weights has."""
MEANINGS = {
    "WORDS": "Without an embedder.",
    "VECTORS": "With one vector a message.",
    "TOKENS": "With token vectors of the best by the first stage.",
}
RIDGE = 1.0
DEPTHS = (5, 10, 20)
ADVERSARIAL = 5
NEWTON_STEPS = 40

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question put to one conversation."""

    question: Question
    candidates: MessageCandidates
    tokens: TokenMatch | None
    evidence: tuple[int, ...]
    category: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The features of every message for one question, and which messages are evidence."""

    features: Matrix
    evidence: tuple[int, ...]
    category: int


# the data


def read(path: Path, *, vectors: bool) -> list[list[Asked]]:
    """The questions of each conversation; with `vectors`, MiniLM's pooled and token vectors too."""
    model = None
    if vectors:
        from evals.bench.minilm import MiniLM

        model = MiniLM()
    return [_conversation(data, model) for data in json.loads(path.read_text("utf-8"))]


def _conversation(data: Mapping[str, Any], model: Any) -> list[Asked]:
    said = data["conversation"]
    messages = [message for number in _sessions(said) for message in _messages(said, number)]
    texts = [message["searchable"] for message in messages]
    speakers = (said["speaker_a"], said["speaker_b"])
    postings = _postings(texts)
    blank = _blank(messages, speakers)
    places = {message["dia_id"]: at for at, message in enumerate(messages)}
    asked = []
    for item in data["qa"]:
        named = (places.get(name) for reference in item["evidence"] for name in re.findall(r"D\d+:\d+", reference))
        evidence = tuple(sorted({at for at in named if at is not None}))
        if evidence:
            question = read_question(item["question"], speakers=speakers)
            candidates = _found(question, blank, postings)
            asked.append(
                Asked(
                    question=question,
                    candidates=candidates,
                    tokens=None,
                    evidence=evidence,
                    category=int(item["category"]),
                )
            )
    return _with_vectors(asked, texts, model) if model is not None else asked


def _sessions(said: Mapping[str, Any]) -> list[int]:
    return sorted(int(key.removeprefix("session_")) for key in said if re.fullmatch(r"session_\d+", key))


def _messages(said: Mapping[str, Any], number: int) -> list[dict[str, Any]]:
    """A session's messages, a minute apart."""
    opened = datetime.strptime(said[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    return [
        {
            **message,
            "searchable": " ".join(filter(None, (message["text"], message.get("blip_caption", "")))),
            "session": number,
            "at": opened + timedelta(minutes=minute),
        }
        for minute, message in enumerate(said[f"session_{number}"])
    ]


def _postings(texts: Sequence[str]) -> dict[str, list[int]]:
    postings: dict[str, list[int]] = {}
    for at, text in enumerate(texts):
        for term in set(analyse(text)):
            postings.setdefault(term, []).append(at)
    return postings


def _blank(messages: Sequence[Mapping[str, Any]], speakers: tuple[str, ...]) -> MessageCandidates:
    """All messages, before any term is looked up."""
    count = len(messages)
    speaker = np.array([speakers.index(message["speaker"]) for message in messages])
    return MessageCandidates(
        rows=np.array([(int(message["at"].timestamp()) << 20) | at for at, message in enumerate(messages)]),
        session=np.array([message["session"] for message in messages]),
        position=np.arange(count),
        speaker=speaker,
        speakers=speakers,
        role=speaker,
        marks=np.array([marks(message["searchable"], image="blip_caption" in message) for message in messages]),
        hits=np.zeros((0, count), np.bool_),
        frequency=np.zeros(0, np.int64),
        total=count,
        cosine=None,
        eligible=np.ones(count, np.bool_),
    )


def _found(question: Question, blank: MessageCandidates, postings: Mapping[str, list[int]]) -> MessageCandidates:
    hits = np.zeros((len(question.terms), blank.total), np.bool_)
    for at, term in enumerate(question.terms):
        hits[at, postings.get(term, [])] = True
    return replace(blank, hits=hits, frequency=hits.sum(axis=1))


def _with_vectors(asked: Sequence[Asked], texts: list[str], model: Any) -> list[Asked]:
    space = asyncio.run(TokenSpace.of(model))
    messages = np.array(model.embed_documents(texts), np.float32)
    stored = [space.stored(tokens) for tokens in asyncio.run(model.embed_tokens(texts))]
    dense = [one.question.dense for one in asked]
    questions = np.array(model.embed_documents(dense), np.float32)
    tokens = asyncio.run(model.embed_tokens(dense))
    return [
        replace(
            one,
            candidates=replace(one.candidates, cosine=messages @ questions[at]),
            tokens=space.match(
                tokens[at], StoredTokens.of(dict(zip(one.candidates.rows.tolist(), stored, strict=True)))
            ),
        )
        for at, one in enumerate(asked)
    ]


# the fit


def examples(asked: Sequence[Asked], names: Sequence[str]) -> list[Example]:
    """Features by name, from ranking's own code."""
    nearby = frozenset(name.removesuffix(NEARBY) for name in names if name.endswith(NEARBY))
    found = []
    for one in asked:
        features = message_features(one.question, one.candidates, nearby=nearby)
        if one.tokens is not None:
            features |= token_features(one.question, one.candidates, one.tokens)
        columns = np.stack([features[name] for name in names], axis=1).astype(np.float64)
        found.append(Example(features=columns, evidence=one.evidence, category=one.category))
    return found


def fit(data: Sequence[Example]) -> Matrix:
    """The weights that make the evidence likeliest: Newton's method with halved steps."""
    weights = np.zeros(data[0].features.shape[1])
    loss, slope, bend = _loss(data, weights)
    for _ in range(NEWTON_STEPS):
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while size > 1e-4 and _loss(data, weights - size * step)[0] > loss:
            size /= 2
        weights = weights - size * step
        before, (loss, slope, bend) = loss, _loss(data, weights)
        if before - loss < 1e-6 * before:
            break
    return weights


def _loss(data: Sequence[Example], weights: Matrix) -> tuple[float, Matrix, Matrix]:
    """Loss, gradient and Hessian of the conditional logit with its ridge."""
    loss = RIDGE / 2 * float(weights @ weights)
    slope, bend = RIDGE * weights, RIDGE * np.eye(len(weights))
    for example in data:
        scores = example.features @ weights
        evidence = list(example.evidence)
        others = np.exp(scores - scores.max())
        others[evidence] = 0
        mean, square = others @ example.features, (example.features.T * others) @ example.features
        for at in evidence:
            row, own = example.features[at], np.exp(scores[at] - scores.max())
            whole = others.sum() + own
            expected = (mean + own * row) / whole
            loss += (np.log(whole) - np.log(own)) / len(evidence)
            slope = slope + (expected - row) / len(evidence)
            bend = bend + ((square + own * np.outer(row, row)) / whole - np.outer(expected, expected)) / len(evidence)
    return float(loss), slope, bend


def recalls(example: Example, weights: Matrix) -> list[float]:
    """Share of the evidence within each depth."""
    order = np.argsort(-(example.features @ weights), kind="stable")
    return [len(set(order[:depth].tolist()) & set(example.evidence)) / len(example.evidence) for depth in DEPTHS]


def leave_one_out(conversations: Sequence[Sequence[Example]]) -> dict[int, list[list[float]]]:
    """Recalls by category; each conversation is ranked with weights fitted on the others."""
    found: dict[int, list[list[float]]] = {}
    for left_out, held in enumerate(conversations):
        weights = fit(_fitted_on([one for at, one in enumerate(conversations) if at != left_out]))
        for example in held:
            found.setdefault(example.category, []).append(recalls(example, weights))
    return found


def _fitted_on(conversations: Sequence[Sequence[Example]]) -> list[Example]:
    return [example for one in conversations for example in one if example.category != ADVERSARIAL]


# the report


def table(found: Mapping[int, list[list[float]]]) -> str:
    """Mean recalls in percent, a line a category."""
    groups = {"1-4": [row for category, rows in found.items() if category != ADVERSARIAL for row in rows]}
    groups |= {str(category): found[category] for category in sorted(found)}
    lines = [f"{'category':>10} {'n':>5} " + " ".join(f"@{depth:<5}" for depth in DEPTHS)]
    for name, rows in groups.items():
        means = 100 * np.mean(rows, axis=0)
        lines.append(f"{name:>10} {len(rows):>5} " + " ".join(f"{mean:<6.1f}" for mean in means))
    return "\n".join(lines)


def module_text(fitted: Mapping[str, Mapping[str, float]]) -> str:
    """The text of `weights.py`."""
    lines = ['"""What each feature of a message is worth; written by `evals/bench/fit_weights.py`."""', ""]
    lines += ["from __future__ import annotations", "", "from collections.abc import Mapping"]
    for name, weights in fitted.items():
        lines += ["", f"{name}: Mapping[str, float] = {{"]
        lines += [f'    "{feature}": {weight:.2f},' for feature, weight in weights.items()]
        lines += ["}", f'"""{MEANINGS[name]}"""']
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the leave-one-out figures and the weights; `--write` keeps the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="LoCoMo conversations, JSON")
    parser.add_argument("--words-only", action="store_true", help="without MiniLM: one set of weights, nothing written")
    parser.add_argument("--write", action="store_true", help="write persona_graph/retrieval/weights.py")
    options = parser.parse_args(arguments)
    if options.write and options.words_only:
        parser.error("--write needs all sets of weights; leave out --words-only")
    asked = read(options.data, vectors=not options.words_only)
    fitted = {}
    for name in ("WORDS",) if options.words_only else SETS:
        given = [[_stripped(one, name) for one in conversation] for conversation in asked]
        data = [examples(conversation, SETS[name]) for conversation in given]
        fitted[name] = dict(zip(SETS[name], fit(_fitted_on(data)).tolist(), strict=True))
        print(f"{name}, leave one conversation out\n{table(leave_one_out(data))}")
        print(" ".join(f"{feature} {weight:.2f}" for feature, weight in fitted[name].items()), flush=True)
    if options.write:
        Path(weights_module.__file__).write_text(module_text(fitted), "utf-8")
    return 0


def _stripped(one: Asked, name: str) -> Asked:
    """The question as the set sees it: words only, or one vector a message, or all."""
    if name == "TOKENS":
        return one
    cosine = one.candidates.cosine if name == "VECTORS" else None
    return replace(one, tokens=None, candidates=replace(one.candidates, cosine=cosine))


if __name__ == "__main__":
    sys.exit(main())
