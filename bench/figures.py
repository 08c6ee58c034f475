"""What a measurement gives: rounds of ours and of its baseline, and what was aimed at."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure. `ours[i]` and `raw[i]` were measured right after each other.

    Attributes:
        name: stable, for `--json`.
        unit: of `ours` and `raw`.
        against: what the baseline is, in a few words; "" where there is none, and the figure stands for itself.
        aim, floor: bounds of the ratio, or of the figure itself where there is no baseline. `more_is_better` tells on
            which side of them is good; above `floor` (or below) is acceptable.
    """

    name: str
    title: str
    unit: str
    ours: Sequence[float]
    raw: Sequence[float] = ()
    against: str = ""
    more_is_better: bool = True
    aim: float | None = None
    floor: float | None = None
    aim_is_absolute: bool = False
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours to raw, round by round."""
        return [ours / raw for ours, raw in zip(self.ours, self.raw, strict=True) if raw] if self.raw else []

    @property
    def ratio(self) -> float | None:
        """The median of the ratios; None without a baseline."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def judged(self) -> float:
        """What `aim` and `floor` bound."""
        return self.ratio if self.ratio is not None and not self.aim_is_absolute else statistics.median(self.ours)

    @property
    def verdict(self) -> str:
        """`aim` reached, at least `floor` reached, `missed`; "" where nothing was aimed at."""
        for word, bound in (("aim", self.aim), ("floor", self.floor)):
            if bound is not None and (self.judged >= bound if self.more_is_better else self.judged <= bound):
                return word
        return "missed" if self.aim is not None or self.floor is not None else ""

    def as_json(self) -> dict[str, Any]:
        """All of it, rounded to what is meant."""
        return {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "against": self.against,
            "ours": _rounded(self.ours),
            "raw": _rounded(self.raw),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "ratios": _rounded(self.ratios),
            "more_is_better": self.more_is_better,
            "aim": self.aim,
            "floor": self.floor,
            "aim_is_absolute": self.aim_is_absolute,
            "verdict": self.verdict,
            "note": self.note,
        }


@dataclass(kw_only=True)
class Report:
    """The figures of one run, and the machine that they are from."""

    figures: list[Figure] = field(default_factory=list)
    load: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    quick: bool = False

    def note_load(self, name: str) -> None:
        """Remember how busy the machine was before a measurement: with neighbours at work only the ratios count."""
        self.load.append({"before": name, "load_1_5_15": [round(value, 2) for value in os.getloadavg()]})

    def as_json(self) -> dict[str, Any]:
        """What goes into the file."""
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "quick": self.quick,
            "machine": machine(),
            "load": self.load,
            "figures": [figure.as_json() for figure in self.figures],
            "failures": self.failures,
        }


def machine() -> dict[str, Any]:
    """The class of the machine, not which one it is."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _rounded(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
