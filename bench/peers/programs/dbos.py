"""DBOS: a workflow whose steps are recorded in Postgres, each in a transaction."""

from dbos import DBOS

from bench.peers.programs.work import STEPS, dsn, orders, tell, timed

DBOS(config={"name": "peers", "system_database_url": dsn(), "run_admin_server": False, "log_level": "ERROR"})


@DBOS.step()
def step(number: int, mode: str) -> int:
    """One step."""
    return STEPS[mode](number)


@DBOS.workflow()
def flow(steps: int, number: int, mode: str) -> int:
    """Step after step."""
    found = 0
    for _ in range(steps):
        found = step(number, mode)
    return found


def main() -> None:
    """A workflow for each order."""
    DBOS.launch()
    tell({"modes": ["apart", "inside"]})
    for steps, number, mode in orders():
        with timed():
            DBOS.start_workflow(flow, steps, number, mode).get_result()
    DBOS.destroy()


if __name__ == "__main__":
    main()
