"""The server that kernels are forked from: it starts them, tells how they end, and leaves none behind."""

import os
import signal
import subprocess
import sys
import time

import pytest

from clvlib.reporting.forkserver import PRELOAD, ForkServer, ForkserverError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture
def server():
    with ForkServer(dict(os.environ), preload=()) as server:
        yield server


@pytest.fixture
def fork(server, tmp_path):
    def fork(**environment):
        connection = str(tmp_path / "kernel.json")
        arguments = ["--transport=ipc", "--ip", connection, "-f", connection]
        return server.fork(arguments, environment=os.environ | environment, cwd=str(tmp_path), timeout=60)

    return fork


def test_tensorflow_is_never_preloaded():
    assert not [module for module in PRELOAD if module.partition(".")[0] in {"tensorflow", "keras", "jax", "torch"}]


def test_a_kernel_is_a_child_of_the_server_in_a_group_of_its_own(server, fork):
    kernel = fork()
    deadline = time.monotonic() + 10
    while os.getpgid(kernel.pid) != kernel.pid and time.monotonic() < deadline:
        time.sleep(0.01)
    assert os.getpgid(kernel.pid) == kernel.pid != server.pid
    assert kernel.poll() is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_how_a_kernel_ended_is_told(fork, how):
    kernel = fork()
    while os.getpgid(kernel.pid) != kernel.pid:
        time.sleep(0.01)
    kernel.send_signal(how)
    assert kernel.wait(timeout=10) == -how
    kernel.kill()  # what is gone is not an error


def test_waiting_has_an_end(fork):
    with pytest.raises(subprocess.TimeoutExpired):
        fork().wait(timeout=0.1)


def test_closing_ends_every_kernel(tmp_path, is_running):
    with ForkServer(dict(os.environ), preload=()) as server:
        connection = str(tmp_path / "kernel.json")
        arguments = ["--transport=ipc", "--ip", connection, "-f", connection]
        kernels = [server.fork(arguments, environment=dict(os.environ), cwd="/", timeout=60) for _ in range(3)]
        assert len({kernel.pid for kernel in kernels}) == 3
    assert not any(is_running(kernel.pid) for kernel in kernels)


def test_an_environment_too_large_to_send_is_refused(fork):
    with pytest.raises(ForkserverError, match="too large"):
        fork(LARGE="x" * 200_000)


def test_a_preload_that_starts_threads_is_refused(tmp_path, monkeypatch):
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n"
    (tmp_path / "threaded.py").write_text(code)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    with (
        ForkServer(environment, preload=("threaded",)) as server,
        pytest.raises(ForkserverError, match="1 threads, which do not survive"),
    ):
        server.fork([], environment=environment, cwd="/", timeout=30)


def test_a_module_that_cannot_be_imported_is_left_to_the_chapter(tmp_path):
    with ForkServer(dict(os.environ), preload=("no_such_module_anywhere",)) as server:
        kernel = server.fork(["--help"], environment=dict(os.environ), cwd="/", timeout=60)
        assert kernel.wait(timeout=20) == 0


def test_no_kernel_outlives_a_parent_that_was_killed(tmp_path, is_running):
    code = (
        "import time, os\nfrom clvlib.reporting.forkserver import ForkServer\n"
        "environment = dict(os.environ)\n"
        "with ForkServer(environment, preload=()) as server:\n"
        f"    connection = {str(tmp_path / 'kernel.json')!r}\n"
        "    arguments = ['--transport=ipc', '--ip', connection, '-f', connection]\n"
        "    kernel = server.fork(arguments, environment=environment, cwd='.', timeout=60)\n"
        "    print(server.pid, kernel.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert [is_running(pid) for pid in pids] == [True, True]
        parent.kill()
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [is_running(pid) for pid in pids] == [False, False]
