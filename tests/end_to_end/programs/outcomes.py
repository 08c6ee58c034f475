"""Runs the checks of a program in its own environment and tells how each went, as one line of JSON."""

import json
import sys
import unittest


def tell(checks: type[unittest.TestCase]) -> None:
    """Run every `test_…` of `checks`; print `{name: ""}` for what holds, a traceback or "skipped: …" for the rest."""
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(checks)
    outcomes = {name_of(test): "" for test in suite}
    result = unittest.TestResult()
    suite.run(result)
    for test, text in (*result.failures, *result.errors):
        outcomes[name_of(test)] += text
    for test, text in result.skipped:
        outcomes[name_of(test)] = f"skipped: {text}"
    sys.stdout.write(json.dumps(outcomes) + "\n")


def name_of(test: object) -> str:
    """The name of the method, for a part of a test as well."""
    whole = getattr(test, "test_case", test)
    assert isinstance(whole, unittest.TestCase)
    return whole.id().rpartition(".")[2]
