"""Python in bubblewrap, started as often as can be: `python -m bench.raw.sandbox BWRAP PYTHON PARALLEL`.

Each line on stdin is how many to start; the time of each start (in seconds) and of all is printed as JSON.
"""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")


def command(bwrap: str, python: str) -> list[str]:
    """The same namespaces as the product's, and a system that is just large enough."""
    prefix = str(Path(python).resolve().parent.parent)
    binds: list[str] = []
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            binds += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            binds += ["--ro-bind", name, name]
    if not prefix.startswith("/usr"):
        binds += ["--ro-bind", prefix, prefix]
    return [
        *(bwrap, "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net"),
        *("--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv", *binds),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"),
        *("--", python, "-I", "-c", "pass"),
    ]


def main() -> None:
    argv = command(sys.argv[1], sys.argv[2])

    def start(_: int) -> float:
        began = time.perf_counter()
        subprocess.run(argv, env={}, check=True, stdin=subprocess.DEVNULL)
        return time.perf_counter() - began

    with ThreadPoolExecutor(int(sys.argv[3])) as pool:
        print("ready", flush=True)
        for line in sys.stdin:
            began = time.perf_counter()
            times = list(pool.map(start, range(int(line))))
            print(json.dumps({"all_s": time.perf_counter() - began, "each_s": times}), flush=True)


if __name__ == "__main__":
    main()
