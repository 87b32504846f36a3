"""An OpenAI-compatible server on loopback: scripted in what it says, strict about what it is asked.

A request that breaks the wire format is answered with 400 and written to `faults`.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, Literal

from PIL import Image

KEY = "sk-test-secret"
_ALWAYS = {"model", "messages", "stream", "stream_options", "max_completion_tokens", "temperature", "response_format"}
_FIELDS = {"openai": _ALWAYS, "vllm": _ALWAYS | {"structured_outputs", "return_token_ids", "logprobs", "max_tokens"}}
_TAG_TYPES: Mapping[str, set[str]] = {
    "sequence": {"type", "elements"},
    "or": {"type", "elements"},
    "tag": {"type", "begin", "content", "end"},
    "any_text": {"type"},
    "json_schema": {"type", "json_schema"},
    "regex": {"type", "pattern"},
}


@dataclass(frozen=True)
class Say:
    """A text; `cut` ends the connection after it, `silent` ends the stream without saying that it is done."""

    text: str
    cut: bool = False
    silent: bool = False


@dataclass(frozen=True)
class Fail:
    """An error status; the body repeats the prompt, as some servers do."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = "some_code"


class Hang:
    """No answer until the server is closed."""


class Fault(Exception):
    """The request breaks the wire format."""


@dataclass
class OpenAIServer:
    """What it will say, what it was asked, and what was wrong with that."""

    kind: Literal["openai", "vllm"]
    script: list[Say | Fail | Hang] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve(kind: Literal["openai", "vllm"]) -> Iterator[OpenAIServer]:
    """Run a server in a thread; at the end no request may have broken the format."""
    server = OpenAIServer(kind)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"of": server}))
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        http.shutdown()
        thread.join()
        http.server_close()
    assert server.faults == []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    of: OpenAIServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""

    def do_POST(self) -> None:
        """Answer a chat completion as the script says."""
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            body = json.loads(raw)
            self._check_head()
            check_body(body, self.of.kind)
        except (Fault, ValueError) as fault:
            self.of.faults.append(str(fault))
            return self._json(400, {"error": {"message": str(fault), "code": "bad_format"}})
        self.of.asked.append(body)
        reply = self.of.script.pop(0)
        if isinstance(reply, Hang):
            self.of.closing.wait()
            self.close_connection = True
        elif isinstance(reply, Fail):
            error = {"message": f"{KEY}: {json.dumps(body['messages'])}", "code": reply.code}
            self._json(reply.status, {"error": error}, reply.headers)
        elif body.get("stream"):
            self._stream(body, reply)
        elif reply.cut:
            self.close_connection = True
        else:
            self._json(200, _whole(body, reply.text))

    def _check_head(self) -> None:
        if self.path != "/v1/chat/completions":
            raise Fault(f"no such path: {self.path}")
        if self.headers["Content-Type"] != "application/json":
            raise Fault("the body is not declared as JSON")
        if not str(self.headers["Authorization"]).startswith("Bearer "):
            raise Fault("no bearer token")

    def _end_head(self) -> None:
        # The client's pool would hold an idle connection past the end of the test's event loop.
        self.send_header("Connection", "close")
        self.end_headers()

    def _json(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(data), **(headers or {})}.items():
            self.send_header(name, str(value))
        self._end_head()
        self.wfile.write(data)

    def _stream(self, body: Mapping[str, Any], reply: Say) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self._end_head()
        for event in _events(body, reply):
            self._chunk(f"data: {json.dumps(event)}\n\n".encode())
        if reply.cut:
            self.close_connection = True
            return
        self._chunk(b"" if reply.silent else b"data: [DONE]\n\n")
        if not reply.silent:
            self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def check_body(body: dict[str, Any], kind: Literal["openai", "vllm"]) -> None:
    """Raise a Fault for whatever this kind of server does not take."""
    if unknown := set(body) - _FIELDS[kind]:
        raise Fault(f"unknown fields {sorted(unknown)}")
    if not isinstance(body.get("model"), str):
        raise Fault("no model")
    if "stream_options" in body and not body.get("stream"):
        raise Fault("stream_options without stream")
    roles = [message["role"] for message in body["messages"]]
    if not re.fullmatch(r"(system )?user( assistant user)*", " ".join(roles)):
        raise Fault(f"roles in this order: {roles}")
    for message in body["messages"]:
        _check_message(message)
    if "response_format" in body:
        _check_response_format(body["response_format"])
    if "structured_outputs" in body:
        _check_structured(body["structured_outputs"])


def images_of(body: Mapping[str, Any]) -> list[tuple[int, int]]:
    """The sizes of the images of a request, in order."""
    parts = [p for m in body["messages"] if isinstance(m["content"], list) for p in m["content"]]
    return [_decoded(part["image_url"]["url"]) for part in parts if part["type"] == "image_url"]


def _check_message(message: dict[str, Any]) -> None:
    if set(message) != {"role", "content"}:
        raise Fault(f"a message of {sorted(message)}")
    content = message["content"]
    if isinstance(content, str):
        if not content:
            raise Fault("an empty message")
        return
    for part in content:
        if part["type"] == "text" and set(part) == {"type", "text"} and part["text"]:
            continue
        if message["role"] != "user" or part["type"] != "image_url" or set(part["image_url"]) != {"url"}:
            raise Fault(f"a part of {sorted(part)} in a message of {message['role']}")
        _decoded(part["image_url"]["url"])


def _decoded(uri: str) -> tuple[int, int]:
    found = re.fullmatch(r"data:(image/(?:png|jpeg|webp));base64,([A-Za-z0-9+/=]+)", uri)
    if found is None:
        raise Fault(f"no data URI of an image: {uri[:40]}")
    with Image.open(BytesIO(base64.b64decode(found[2], validate=True))) as image:
        image.load()
        if Image.MIME[image.format or ""] != found[1]:
            raise Fault(f"{found[1]} is declared, {image.format} is sent")
        return image.size


def _check_response_format(given: dict[str, Any]) -> None:
    if set(given) != {"type", "json_schema"} or given["type"] != "json_schema":
        raise Fault(f"response_format of {given}")
    inner = given["json_schema"]
    if set(inner) != {"name", "schema", "strict"} or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", inner["name"]):
        raise Fault(f"json_schema of {sorted(inner)}")
    _check_schema(inner["schema"])


def _check_schema(schema: Any) -> None:
    """What OpenAI asks of a strict schema: every object closed, every property required."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and (
            schema.get("additionalProperties") is not False or set(schema["required"]) != set(schema["properties"])
        ):
            raise Fault("an open object in a strict schema")
        for inner in schema.values():
            _check_schema(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _check_schema(inner)


def _check_structured(given: dict[str, Any]) -> None:
    if len(given) != 1:
        raise Fault(f"structured_outputs takes one constraint, not {sorted(given)}")
    ((kind, value),) = given.items()
    if kind == "structural_tag":
        tag = json.loads(value)
        if set(tag) != {"type", "format"} or tag["type"] != "structural_tag":
            raise Fault("no structural tag")
        _check_format(tag["format"])
    elif kind == "json":
        _check_schema(value)
    elif kind == "regex":
        re.compile(value)
    else:
        raise Fault(f"no such constraint: {kind}")


def _check_format(given: dict[str, Any]) -> None:
    if set(given) != _TAG_TYPES.get(given["type"]):
        raise Fault(f"a format of {sorted(given)}")
    for inner in given.get("elements", [given["content"]] if "content" in given else []):
        _check_format(inner)


def _token_ids(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def _logprobs(text: str) -> dict[str, Any]:
    rows = [{"token": c, "logprob": -0.5, "bytes": list(c.encode()), "top_logprobs": []} for c in text]
    return {"content": rows, "refusal": None}


def _choice(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    logprobs = _logprobs(text) if body.get("logprobs") and text else None
    ids = {"token_ids": _token_ids(text)} if body.get("return_token_ids") else {}
    return {"index": 0, "logprobs": logprobs, **ids}


def _usage(text: str) -> dict[str, int]:
    return {"prompt_tokens": 11, "completion_tokens": len(text), "total_tokens": 11 + len(text)}


def _whole(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {**_choice(body, text), "message": message, "finish_reason": "stop"}
    about = {"id": "c1", "object": "chat.completion", "created": 1, "model": body["model"]}
    return {**about, "choices": [choice], "usage": _usage(text)}


def _events(body: Mapping[str, Any], reply: Say) -> Iterator[dict[str, Any]]:
    about = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    for place in range(0, len(reply.text), 7):
        piece = reply.text[place : place + 7]
        delta = {"content": piece, **({"role": "assistant"} if place == 0 else {})}
        yield {**about, "choices": [{**_choice(body, piece), "delta": delta, "finish_reason": None}]}
    if reply.cut or reply.silent:
        return
    yield {**about, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]}
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**about, "choices": [], "usage": _usage(reply.text)}
