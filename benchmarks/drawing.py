"""Pictures for the docs: matplotlib's figures as small SVG files that are the same at each drawing."""

from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 7.5, 4.6  # inches


def new_figure(title: str, x: str, y: str) -> tuple[Any, Any]:
    """Return a figure of the docs' size and its axes, with title, names of the axes and a light grid."""
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="#ddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Any, path: Path) -> None:
    """Write the figure as an SVG whose letters are text, without date or random ids."""
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "yoyak", "font.family": "sans-serif"}):
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
