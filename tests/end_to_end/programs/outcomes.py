"""Runs the checks of a program in its own environment and tells how each went, as one line of JSON."""

import json
import sys
import unittest
from collections.abc import Sequence


def tell(checks: type[unittest.TestCase], *, buckets: Sequence[str] = ()) -> None:
    """Run every `test_…` of `checks`; print `{name: ""}` for what holds, a traceback or "skipped: …" for the rest.

    With `buckets` all are run on each, which they find as `self.bucket`; the names are then `bucket:name`.
    """
    outcomes = {}
    for bucket in buckets:
        on_bucket = type(checks.__name__, (checks,), {"bucket": bucket})
        outcomes |= {f"{bucket}:{name}": text for name, text in outcomes_of(on_bucket).items()}
    sys.stdout.write(json.dumps(outcomes if buckets else outcomes_of(checks)) + "\n")


def outcomes_of(checks: type[unittest.TestCase]) -> dict[str, str]:
    """How each went."""
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(checks)
    outcomes = {name_of(test): "" for test in suite}
    result = unittest.TestResult()
    suite.run(result)
    for test, text in (*result.failures, *result.errors):
        outcomes[name_of(test)] += text
    for test, text in result.skipped:
        outcomes[name_of(test)] = f"skipped: {text}"
    return outcomes


def name_of(test: object) -> str:
    """The name of the method, for a part of a test as well."""
    whole = getattr(test, "test_case", test)
    assert isinstance(whole, unittest.TestCase)
    return whole.id().rpartition(".")[2]
