"""A watcher that stops the servers of a test run whose process has died, so that no server outlives it.

It waits on a pipe that only the watched process holds open: end of file means that process is gone, however it went.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.processes import Processes

CHECKOUT = Path(__file__).resolve().parents[2]


def watch(run_dir: Path, *folders: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a watcher over all children recorded in `run_dir`.

    Args:
        run_dir: the run folder whose children are to be stopped when this process dies.
        folders: deleted after that.

    Returns:
        The watcher, and the pipe's end to close when it is no longer needed.
    """
    reader, writer = os.pipe()
    argv = [sys.executable, "-m", "deploy.local.guard", str(reader), str(run_dir), *map(str, folders)]
    try:
        watcher = subprocess.Popen(
            argv, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True, pass_fds=[reader]
        )
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(reader)
    return watcher, writer


def main(reader: int, run_dir: Path, folders: list[Path]) -> None:
    """Wait for the end of the pipe, then stop the children and delete the folders."""
    while os.read(reader, 1):
        pass
    processes = Processes(run_dir)
    for name in processes.names():
        processes.stop(name)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), [Path(each) for each in sys.argv[3:]])
