"""`python -m bench`: runs the measurements, prints a table, keeps JSON under bench/results/."""

import argparse
import asyncio
import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import structlog
from rich.console import Console

from bench.figures import Report
from bench.instance import Instance
from bench.measures import MEASURES
from bench.table import show

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON on stdout instead of the table")
    parser.add_argument(
        "--only", action="append", choices=list(MEASURES), metavar="NAME", help=f"one of {', '.join(MEASURES)}; repeat"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds: shows that it runs, not how fast")
    arguments = parser.parse_args()
    os.environ["NO_COLOR"] = os.environ.get("NO_COLOR", "") if sys.stdout.isatty() else "1"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    report = asyncio.run(run(arguments.only or list(MEASURES), quick=arguments.quick))
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(report.as_json(), indent=1)
    kept = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    kept.write_text(text + "\n", encoding="utf-8")
    if arguments.json:
        print(text)
    else:
        show(report, Console(width=None if sys.stdout.isatty() else 170))
        print(f"Kept in {kept}.")
    sys.exit(1 if report.failures else 0)


async def run(names: list[str], *, quick: bool) -> Report:
    """Each measurement on an instance of its own; one that fails is told, and the others go on."""
    report = Report(quick=quick)
    for name in names:
        report.note_load(name)
        print(f"» {name}: {MEASURES[name].doc}", file=sys.stderr, flush=True)
        try:
            async with Instance() as instance:
                report.figures += await MEASURES[name].run(instance, quick)
        except Exception as error:  # noqa: BLE001  # it is told below, and makes the exit code
            report.failures.append(f"{name}: {type(error).__name__}: {error}")
    return report


if __name__ == "__main__":
    main()
