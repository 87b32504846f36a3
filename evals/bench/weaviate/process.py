"""A server with a folder of its own; both are gone when this process is, however it ended. POSIX only."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

WATCH = 'read -r _; kill -KILL "$(cat "$1/pid")"; sleep 1; rm -rf "$1"'
"""`read` ends when the other end of the pipe does, which is ours: after SIGKILL too, and whatever thread started it."""
TAIL = 2000


class ServerProcess:
    """The folder, and the process while it runs."""

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"persona-{name}-"))
        self._process: subprocess.Popen[bytes] | None = None
        # Sessions of their own: Ctrl-C is for us, and we still want the server while we clean up.
        self._watch = subprocess.Popen(
            ["sh", "-c", WATCH, "sh", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def running(self) -> bool:
        """Whether there is a process that has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Number of the process while it runs."""
        if self._process is None:
            raise RuntimeError(f"{self.folder.name} does not run")
        return self._process.pid

    @property
    def log(self) -> str:
        """The end of what the last process printed."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace")[-TAIL:] if path.exists() else ""

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the process."""
        if self.running:
            raise RuntimeError(f"{self.folder.name} runs already")
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (self.folder / "pid").write_text(str(self._process.pid), encoding="ascii")

    def stop(self, patience_s: float) -> None:
        """Ask it to end (SIGTERM) and wait; raises TimeoutExpired when it does not, and it is killed then."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(patience_s)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self._process is None:
            return
        # First: when the process is gone, its number may become another's.
        (self.folder / "pid").unlink(missing_ok=True)
        self._process.kill()
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """End it and remove the folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._watch.kill()
        self._watch.communicate()
