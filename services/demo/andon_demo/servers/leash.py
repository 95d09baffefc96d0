"""Run a command that dies with its parent: `python leash.py PARENT_PID COMMAND...`.

Started between `fork` and the real command, so that nothing has to run in a forked copy of a program with
threads. The kernel's promise is `PR_SET_PDEATHSIG` of prctl(2): it survives `execve` and fires when the *thread*
that forked us ends. Where there is no prctl (not Linux) the command runs without the promise.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become `command`; it gets SIGKILL when its parent ends. Exit 127 when it cannot be run."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the promise was made
        sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is what we want
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
