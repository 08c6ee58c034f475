"""The figures for people."""

import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.figures import Figure, Report

_COLOURS = {"aim": "green", "floor": "yellow", "missed": "red"}


def show(report: Report, console: Console) -> None:
    """One line a figure: medians, with the spread of the rounds."""
    table = Table(title="Tidemill against raw baselines of the same run", title_justify="left")
    for heading, justify in (("figure", "left"), ("ours", "right"), ("raw", "right"), ("ratio", "right"), ("", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    for figure in report.figures:
        colour = _COLOURS.get(figure.verdict, "")
        verdict = f"[{colour}]{_wanted(figure)}[/]" if colour else ""
        against = f"\n  [dim]against {figure.against}[/]" if figure.against else ""
        note = f"\n  [dim]{figure.note}[/]" if figure.note else ""
        table.add_row(
            f"{figure.title}{against}{note}",
            f"{_spread(figure.ours)} {figure.unit}",
            f"{_spread(figure.raw)} {figure.unit}" if figure.raw else "",
            _spread(figure.ratios, digits=2),
            verdict,
        )
    console.print(table)
    loads = [each["load_1_5_15"][0] for each in report.load]
    if loads:
        console.print(f"Load of the machine before each: {min(loads)} to {max(loads)}.", highlight=False)
    for failure in report.failures:
        console.print(f"[red]not measured:[/] {failure}", highlight=False)


def _wanted(figure: Figure) -> str:
    sign = "≥" if figure.more_is_better else "≤"
    bounds = [f"{word} {sign} {bound:g}" for word, bound in (("aim", figure.aim), ("least", figure.floor)) if bound]
    return f"{figure.verdict}: {', '.join(bounds)}"


def _spread(values: Sequence[float], *, digits: int = 0) -> str:
    """Median and range."""
    if not values:
        return ""
    middle = statistics.median(values)
    places = digits or (0 if middle >= 100 else 1 if middle >= 10 else 2)
    if len(values) == 1:
        return f"{middle:,.{places}f}"
    return f"{middle:,.{places}f} ({min(values):,.{places}f}..{max(values):,.{places}f})"
