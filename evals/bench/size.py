"""What a default install weighs and how long `import persona_graph` takes: `make size`.

A fresh environment gets the project as a user would get it (not editable, no extras, no constraints).
Counted is every byte in site-packages except bytecode and pip; setuptools counts where Python's venv brings it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MAX_INSTALL_MB = 150.0
MAX_IMPORT_S = 0.5
WARM_RUNS = 5

LAZY = {
    "langchain",
    "langchain_core",
    "langgraph",
    "langsmith",
    "matplotlib",
    "mcp",
    "openai",
    "rich",
    "sentence_transformers",
    "torch",
    "transformers",
    "typer",
    "weaviate",
}
"""What `import persona_graph` leaves unloaded until it is asked for."""

PROBE = """
import json, sys, time
before = set(sys.modules)
start = time.perf_counter()
import persona_graph
seconds = time.perf_counter() - start
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps([seconds, persona_graph.__file__, sorted(loaded - sys.stdlib_module_names - {"persona_graph"})]))
"""


def main() -> int:
    """Measure, print one line of JSON, and return 1 where a bound is broken."""
    with tempfile.TemporaryDirectory(prefix="persona-size-") as folder:
        python = install(Path(folder))
        site = site_packages(python)
        sizes = sizes_by_package(site)
        cold, loaded = import_once(python, site)
        warm = statistics.median(import_once(python, site)[0] for _ in range(WARM_RUNS))
    for name, size in sizes.most_common(12):
        print(f"  {size / 1e6:6.1f} MB  {name}")
    install_mb = round(sizes.total() / 1e6, 1)
    eager = sorted(LAZY.intersection(loaded))
    figures = {
        "install_mb": install_mb,
        "import_s": round(warm, 3),
        "import_cold_s": round(cold, 3),
        "loaded": loaded,
        "loaded_too_early": eager,
    }
    print(json.dumps(figures))
    broken = {
        f"the default install takes {install_mb} MB, more than {MAX_INSTALL_MB:.0f}": install_mb > MAX_INSTALL_MB,
        f"the import takes {warm:.2f} s, more than {MAX_IMPORT_S}": warm > MAX_IMPORT_S,
        f"the import loads {', '.join(eager)}": bool(eager),
    }
    for sentence in (sentence for sentence, is_broken in broken.items() if is_broken):
        print(f"size: {sentence}", file=sys.stderr)
    return int(any(broken.values()))


def install(folder: Path) -> Path:
    """Put the project into a new environment and return the environment's interpreter."""
    environment = folder / "venv"
    print("Making an environment and installing the project into it ...", flush=True)
    venv.create(environment, with_pip=True)
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(PROJECT))
    return python


def site_packages(python: Path) -> Path:
    """Where the environment keeps what is installed."""
    return Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())


def sizes_by_package(site: Path) -> Counter[str]:
    """Bytes below each entry of site-packages, without bytecode and pip."""
    sizes: Counter[str] = Counter()
    for path in site.rglob("*"):
        top = path.relative_to(site).parts[0]
        is_pip = top == "pip" or top.startswith("pip-")
        if path.is_file() and not is_pip and path.suffix != ".pyc":
            sizes[top] += path.stat().st_size
    return sizes


def import_once(python: Path, site: Path) -> tuple[float, list[str]]:
    """Seconds of one import in a process of its own, and the third-party packages it loaded."""
    seconds, file, loaded = json.loads(run(python, "-c", PROBE))
    if site.resolve() not in Path(file).resolve().parents:
        raise RuntimeError(f"measured {file}, which is not the installed package")
    return seconds, loaded


def run(python: Path, *arguments: str) -> str:
    """Run the environment's interpreter away from the checkout and return what it printed."""
    process = subprocess.run([python, *arguments], cwd=python.parent, stdout=subprocess.PIPE, text=True, check=True)
    return process.stdout


if __name__ == "__main__":
    sys.exit(main())
