"""Ports, processes and the state folder: nothing is left behind."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import psutil
import pytest

from andon.errors import Mistake
from andon_demo.servers.ports import HOST, first_outgoing_port, free_ports, is_free, is_open
from andon_demo.servers.process import DidNotStart, Process
from andon_demo.servers.state import state_folder, sweep


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def eventually(check: object, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not check():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_ports_are_different_and_free_and_never_those_of_outgoing_connections() -> None:
    """A port for outgoing connections can be taken by a reconnecting client while its server is down."""
    ports = free_ports(50, random.Random(1))
    assert len(set(ports)) == 50
    assert all(port < first_outgoing_port() and is_free(port) for port in ports)


def test_a_port_somebody_listens_on_is_not_chosen() -> None:
    first = free_ports(3, random.Random(2))
    with socket.create_server((HOST, first[0])):
        assert not is_free(first[0])
        assert is_open(first[0])
        assert free_ports(2, random.Random(2)) == first[1:]
    assert not is_open(first[0])


def test_a_process_is_ready_when_it_answers_and_logs_what_it_says(tmp_path: Path) -> None:
    flag = tmp_path / "up"
    command = ["sh", "-c", f"echo $WORD; touch {flag}; exec sleep 60"]
    with Process("thing", command, log=tmp_path / "logs" / "thing.log", env={"WORD": "hello"}) as process:
        process.wait_ready(flag.exists, within_s=20)
        assert process.returncode is None
        assert process.tail() == "hello"
    assert not process.running
    assert process.returncode == -signal.SIGTERM


def test_a_process_that_ends_at_start_says_why_in_its_last_20_lines(tmp_path: Path) -> None:
    process = Process("thing", ["sh", "-c", "seq 1 100; echo the disk is full; exit 7"], log=tmp_path / "thing.log")
    process.start()
    with pytest.raises(DidNotStart) as told:
        process.wait_ready(lambda: False, within_s=20)
    lines = str(told.value).splitlines()
    assert lines[0] == "thing ended with status 7."
    assert lines[-1] == "the disk is full"
    assert lines[2:-1] == [str(number) for number in range(82, 101)]
    assert str(tmp_path / "thing.log") in lines[1]


def test_a_process_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    with (
        Process("thing", ["sleep", "60"], log=tmp_path / "thing.log") as process,
        pytest.raises(DidNotStart, match=r"thing did not answer within 0\.2 s"),
    ):
        process.wait_ready(lambda: False, within_s=0.2)


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = Process("thing", ["no-such-program"], log=tmp_path / "thing.log")
    process.start()
    with pytest.raises(DidNotStart, match=r"(?s)status 127.*cannot run no-such-program: No such file"):
        process.wait_ready(lambda: False, within_s=20)


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    process = Process("deaf", ["sh", "-c", "trap '' TERM; echo up; sleep 60 & wait; wait"], log=tmp_path / "deaf.log")
    process.start()
    process.wait_ready(lambda: process.tail() == "up", within_s=20)
    group = psutil.Process(process.pid).children()
    assert process.stop(grace_s=0.2) == -signal.SIGKILL
    assert group
    assert eventually(lambda: not any(child.is_running() and child.status() != "zombie" for child in group))


def test_a_process_may_be_started_again_and_its_log_goes_on(tmp_path: Path) -> None:
    process = Process("thing", ["sh", "-c", "echo once; sleep 60"], log=tmp_path / "thing.log")
    for _ in range(2):
        process.start()
        process.wait_ready(lambda: process.tail() == "once", within_s=20)
        with pytest.raises(ValueError, match="already runs"):
            process.start()
        assert process.kill() == -signal.SIGKILL
    assert (tmp_path / "thing.log").read_text() == "once\nonce\n"


def test_what_was_never_started_can_be_stopped(tmp_path: Path) -> None:
    process = Process("thing", ["true"], log=tmp_path / "thing.log")
    assert process.stop() is None
    assert process.returncode is None
    with pytest.raises(ValueError, match="never started"):
        _ = process.pid


def test_ctrl_c_in_the_terminal_does_not_reach_the_process(tmp_path: Path) -> None:
    with Process("thing", ["sleep", "60"], log=tmp_path / "thing.log") as process:
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)


def test_a_process_started_from_a_thread_that_ended_lives_on(tmp_path: Path) -> None:
    process = Process("thing", ["sleep", "60"], log=tmp_path / "thing.log")
    starter = Thread(target=process.start)
    starter.start()
    starter.join()
    try:
        assert eventually(lambda: psutil.Process(process.pid).name() == "sleep")
        time.sleep(0.2)
        assert process.running
    finally:
        process.kill()


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(0)", "sys.exit(0)"])
def test_a_process_dies_with_the_program_that_started_it(end: str, tmp_path: Path) -> None:
    """Also when that program is killed, where no clean-up of its own can run."""
    pid_file = tmp_path / "pid"
    code = f"""
import os, pathlib, sys, time
from andon_demo.servers.process import Process
process = Process("thing", ["sleep", "60"], log=pathlib.Path({str(tmp_path / "thing.log")!r}))
process.start()
while b"sleep" not in pathlib.Path(f"/proc/{{process.pid}}/cmdline").read_bytes().split(b"\\0")[0]:
    time.sleep(0.01)
pathlib.Path({str(pid_file)!r}).write_text(str(process.pid))
{end}
"""
    subprocess.run(python(code), check=False, timeout=60)
    pid = int(pid_file.read_text())
    assert eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


def test_a_temporary_state_folder_is_removed_and_a_kept_or_given_one_stays(tmp_path: Path) -> None:
    with state_folder() as temporary:
        assert temporary.folder.is_dir()
    assert not temporary.folder.exists()
    with state_folder(tmp_path / "given") as given:
        (given.folder / "kafka.log").write_text("a line")
    assert (tmp_path / "given" / "kafka.log").read_text() == "a line"


def test_a_state_folder_can_be_kept_after_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with state_folder(keep=True) as kept:
        pass
    assert kept.folder.is_dir()
    assert kept.folder.parent == tmp_path


def test_a_state_folder_in_use_names_who_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("andon_demo.servers.state.FREED_WITHIN_S", 0.1)
    with (
        state_folder(tmp_path),
        pytest.raises(Mistake, match=f"in use by process {os.getpid()}"),
        state_folder(tmp_path),
    ):
        pass
    with state_folder(tmp_path):  # free again
        pass


def test_a_child_that_holds_the_lock_keeps_the_folder_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a folder whose servers still end, after a crash, is not taken over too early."""
    monkeypatch.setattr("andon_demo.servers.state.FREED_WITHIN_S", 0.1)
    with state_folder(tmp_path / "state") as state:
        process = Process("thing", ["sleep", "60"], log=tmp_path / "thing.log", holds=(state.lock,))
        process.start()
        assert eventually(lambda: psutil.Process(process.pid).name() == "sleep")
    with pytest.raises(Mistake, match="in use"), state_folder(tmp_path / "state"):
        pass
    process.kill()
    with state_folder(tmp_path / "state"):
        pass


def test_folders_of_crashed_runs_are_swept_and_those_in_use_or_fresh_are_not(tmp_path: Path) -> None:
    def folder(name: str, age_s: float) -> Path:
        made = tmp_path / name
        made.mkdir()
        (made / "lock").write_text("1")
        os.utime(made / "lock", (time.time() - age_s,) * 2)
        return made

    crashed, fresh, foreign = folder("andon-servers-a", 100), folder("andon-servers-b", 1), folder("other", 100)
    with state_folder(tmp_path / "andon-servers-c") as used:
        os.utime(used.folder / "lock", (time.time() - 100,) * 2)
        assert sweep(tmp_path) == [crashed]
        assert fresh.is_dir()
        assert foreign.is_dir()
        assert used.folder.is_dir()
        assert not crashed.exists()
