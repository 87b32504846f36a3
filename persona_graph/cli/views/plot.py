"""The personality's timeline as a PNG, drawn with matplotlib (the `plots` extra)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

from persona_graph.cli.views.personality import COLOURS
from persona_graph.cli.views.style import shown
from persona_graph.errors import ConfigurationError, InputError
from persona_graph.personality import TRAITS, PersonalityPoint


def save_timeline(timeline: Sequence[PersonalityPoint], path: Path, zone: tzinfo, *, title: str) -> None:
    """Write the picture.

    Raises: ConfigurationError without matplotlib; InputError when nothing can be drawn or written.
    """
    if not timeline:
        raise InputError("there is no personality to draw yet; talk first, then run `persona worker` or `persona chat`")
    try:
        from matplotlib.figure import Figure  # half a second, and an extra
    except ImportError as error:
        raise ConfigurationError('drawing needs matplotlib: pip install "persona-graph[plots]"') from error
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    times: Any = [
        point.observation.at.astimezone(zone) for point in timeline
    ]  # matplotlib takes moments, its types do not
    for index, trait in enumerate(TRAITS):
        scores = [point.vector.scores[index] for point in timeline]
        axes.plot(
            times,
            scores,
            label=trait.value,
            color=f"tab:{_hue(COLOURS[trait])}",
            marker="o",
            markersize=3,
            drawstyle="steps-post",
        )
    axes.axhline(3, color="grey", linewidth=0.8, linestyle=":")
    axes.set(ylim=(1, 5), title=shown(title).replace("$", r"\$"), ylabel="from 1 to 5")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.autofmt_xdate()
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be written: {error}") from error


def _hue(colour: str) -> str:
    return {"magenta": "purple", "yellow": "orange"}.get(colour, colour)
