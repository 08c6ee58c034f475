"""Dagster: a job of ops, run by its multiprocess executor, which starts a process for each op."""

import os

from bench.peers.programs.work import directory, fib, orders, tell, timed

os.environ |= {"DAGSTER_HOME": str(directory()), "DAGSTER_DISABLE_TELEMETRY": "1"}

import dagster  # it reads the variables as it is imported


def job_of(steps: int, number: int) -> dagster.JobDefinition:
    """Ops one after the other, each with the result of the one before."""

    @dagster.op(name="step", ins={"before": dagster.In(default_value=0)})
    def step(before: int) -> int:
        return fib(number)

    @dagster.job(
        name=f"flow_{steps}_{number}", executor_def=dagster.multiprocess_executor.configured({"max_concurrent": 1})
    )
    def flow() -> None:
        found = step.alias("s0")()
        for at in range(1, steps):
            found = step.alias(f"s{at}")(found)

    return flow


def main() -> None:
    """A run for each order."""
    (directory() / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    instance = dagster.DagsterInstance.get()
    tell({"modes": ["apart"]})
    for steps, number, _ in orders():
        job = dagster.build_reconstructable_job(
            "bench.peers.programs.dagster", "job_of", reconstructable_args=(steps, number)
        )
        with timed(), dagster.execute_job(job, instance=instance) as result:
            assert result.success


if __name__ == "__main__":
    main()
