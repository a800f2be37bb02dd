"""Kernels forked from one process that has the imports done.

Importing pandas, seaborn and scikit-learn takes longer than starting a kernel, and every chapter imports them. One
server imports them once; each chapter's kernel is then forked from it in a few milliseconds, a fresh process with
a clean namespace all the same. TensorFlow is never loaded in the server: it starts threads, and threads do not
survive a fork.

Not ``multiprocessing``'s forkserver: that one imports the parent's ``__main__`` into every child, keeps the
server's environment in it, and outlives a parent that was killed while a child still runs. Here the server ends
when its parent does, however that ended, and takes every kernel with it.

Anything that is in the way (another platform, another kernel, a server that does not start or has threads) means an
ordinary kernel, which gives the same result later.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import importlib.util
import itertools
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any, NoReturn

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

__all__ = ["PRELOAD", "ForkServer", "ForkserverError", "ForkserverProvisioner"]

#: What a chapter may need and nothing that starts a thread. A module that cannot be imported is left to the chapter.
PRELOAD = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "scipy.optimize",
    "matplotlib.pyplot",
    "seaborn",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.neighbors",
    "sklearn.feature_extraction.text",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",
    "comm",
    "IPython.core.completerlib",
    "clvlib.plotting",
    "clvlib.datasets",
    "clvlib.reporting",
)

#: Messages are single datagrams; an environment larger than this gets an ordinary kernel.
_LARGEST = 150_000
_ENDED = "the fork server has ended"


class ForkserverError(RuntimeError):
    """The server cannot fork this kernel; an ordinary one can still be started."""


class ForkServer:
    """The parent's end: one server process, started at once, ready when its imports are done.

    ``environment`` is the server's own; each kernel brings another. ``preload`` are the modules it imports. Usable
    from several threads. Use as a context manager: :meth:`close` ends the server and every kernel that still runs.
    """

    def __init__(self, environment: dict[str, str], *, preload: tuple[str, ...] = PRELOAD) -> None:
        # Forking a process that has used macOS's frameworks aborts it; Windows cannot fork at all.
        if sys.platform != "linux":
            raise ForkserverError(f"kernels are not forked on {sys.platform}")
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import _serve; _serve({theirs.fileno()}, {preload!r})"],
                env={**environment, "JE_ARROW_MALLOC_CONF": "background_thread:false"},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C at the terminal is the parent's business
            )
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._pids: dict[int, int] = {}
        self._exits: dict[int, int] = {}
        self._over: str | None = None
        threading.Thread(target=self._listen, name="clv-forkserver", daemon=True).start()

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._server.pid

    def fork(self, arguments: list[str], *, environment: dict[str, str], cwd: str, timeout: float) -> ForkedKernel:
        """A new kernel process, once the imports are done. :class:`ForkserverError` if there will be none."""
        number = next(self._numbers)
        request = {"number": number, "arguments": arguments, "environment": environment, "cwd": cwd}
        message = json.dumps(request).encode()
        if len(message) > _LARGEST:
            raise ForkserverError("the environment is too large to be sent to the fork server")
        try:
            with self._lock:
                self._socket.send(message)
        except OSError:
            raise ForkserverError(self._over or _ENDED) from None
        with self._changed:
            self._changed.wait_for(lambda: number in self._pids or self._over is not None, timeout)
            if number not in self._pids:
                raise ForkserverError(self._over or f"no answer from the fork server in {timeout:.0f} s")
            return ForkedKernel(self, self._pids.pop(number))

    def exit_code(self, pid: int) -> int | None:
        """How a kernel ended (negative: by that signal); None while it runs."""
        with self._changed:
            if pid in self._exits:
                return self._exits[pid]
            return None if self._over is None else -signal.SIGKILL

    def close(self) -> None:
        """End the server and with it every kernel."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._server.wait(timeout=5)
        except subprocess.TimeoutExpired:  # still importing: it has no kernels yet
            self._server.kill()
            self._server.wait()
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                message = self._socket.recv(_LARGEST)
            except OSError:
                message = b""
            news = json.loads(message) if message else {"over": _ENDED}
            with self._changed:
                if "over" in news:
                    self._over = self._over or news["over"]
                elif "exit" in news:
                    self._exits[news["exit"]] = news["code"]
                else:
                    self._pids[news["number"]] = news["pid"]
                self._changed.notify_all()
            if not message:
                return


class ForkedKernel:
    """What :class:`subprocess.Popen` is to an ordinary kernel, as far as ``jupyter_client`` uses it."""

    stdin = stdout = stderr = None

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self._server = server

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        return self._server.exit_code(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("kernel", timeout)
            time.sleep(0.02)
        return code

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signum)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkserverProvisioner(LocalProvisioner):
    """Launches a kernel from the ``fork_server`` of its kernel manager, or as an ordinary process where it cannot.

    ``forked`` says which of the two it was, ``reason`` why it was not the first.
    """

    forked = False
    reason: str | None = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        try:
            self.process = self._fork(cmd, kwargs)
        except ForkserverError as error:
            self.reason = str(error)
            return await super().launch_kernel(cmd, **kwargs)
        self.forked = True
        # Asking the system for the group could be quicker than the child's setsid, and name the server's group.
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd")
        return self.connection_info

    def _fork(self, cmd: list[str], kwargs: dict[str, Any]) -> ForkedKernel:
        server = getattr(self.parent, "fork_server", None)
        if server is None:
            raise ForkserverError("there is no fork server")
        if cmd[:1] != [sys.executable] or cmd[1:3] != ["-m", "ipykernel_launcher"]:
            raise ForkserverError(f"the kernel is not this interpreter's own: {' '.join(cmd[:3])}")
        return server.fork(
            cmd[3:],
            environment=dict(kwargs.get("env") or os.environ),
            cwd=str(kwargs.get("cwd") or os.getcwd()),
            timeout=120,
        )


def _serve(fd: int, preload: tuple[str, ...]) -> None:
    """The server: import, then fork a kernel a request and report how each one ends, until the parent is gone."""
    if sys.path[:1] == [""]:  # what `python -c` puts there, and a kernel does not have while it imports
        del sys.path[0]
    started_with = set(os.environ)
    for module in preload:
        # The chapter that needs it will say so, with a better message than is possible here.
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    if "pandas" in sys.modules:
        # Imported outside a kernel it believes in a terminal, and cuts a wide table to the terminal's width.
        sys.modules["pandas"].set_option("display.max_columns", 20)
    added = {key: value for key, value in os.environ.items() if key not in started_with}
    gc.collect()
    gc.freeze()  # pages the collector does not touch stay shared
    kernels: set[int] = set()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    with socket.socket(fileno=fd) as parent, selectors.DefaultSelector() as selector:
        selector.register(parent, selectors.EVENT_READ)
        selector.register(wake_read, selectors.EVENT_READ)
        unfit = _why_not_fork()
        if unfit:
            parent.send(json.dumps({"over": unfit}).encode())
            while parent.recv(2 * _LARGEST):  # a request left unread would reset the connection and lose the reason
                pass
            return
        try:
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if wake_read in ready:
                    os.read(wake_read, 4096)
                    _report_exits(parent, kernels)
                if parent in ready:
                    message = parent.recv(2 * _LARGEST)
                    if not message:
                        break
                    request = json.loads(message)
                    pid = os.fork()
                    if pid == 0:
                        signal.set_wakeup_fd(-1)
                        for inherited in (parent.detach(), wake_read, wake_write, selector.fileno()):
                            os.close(inherited)
                        _become_kernel(request, added)
                    kernels.add(pid)
                    parent.send(json.dumps({"number": request["number"], "pid": pid}).encode())
        except OSError:  # the parent is gone
            pass
        finally:
            for pid in kernels:
                _kill_group(pid)


def _why_not_fork() -> str | None:
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        return f"the preloaded modules have started {len(threads) - 1} threads, which do not survive a fork"
    if "tensorflow" in sys.modules:
        return "a preloaded module imports TensorFlow, which does not survive a fork"
    return None


def _report_exits(parent: socket.socket, kernels: set[int]) -> None:
    while kernels:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        # What the kernel has started goes with it, while its process id cannot be another's yet.
        _kill_group(ended.si_pid)
        _, status = os.waitpid(ended.si_pid, 0)
        kernels.discard(ended.si_pid)
        code = os.waitstatus_to_exitcode(status)
        parent.send(json.dumps({"exit": ended.si_pid, "code": code}).encode())


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _become_kernel(request: dict[str, Any], added: dict[str, str]) -> NoReturn:
    """In the child: leave nothing of the server's state that an ordinary kernel would not have, and run one.

    ``added`` are the variables that the imports have set, as they do in an ordinary kernel.
    """
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(added | request["environment"])
        os.environ["JPY_PARENT_PID"] = str(os.getppid())
        time.tzset()
        os.chdir(request["cwd"])
        _reseed()
        atexit._clear()  # the server's
        launcher = importlib.util.find_spec("ipykernel_launcher")
        sys.argv = [str(launcher.origin), *request["arguments"]]
        from ipykernel.kernelapp import IPKernelApp

        # Its default was read from the environment when the class was imported, in the server.
        app = IPKernelApp.instance(parent_handle=os.getppid())
        app.initialize(request["arguments"])
        app.start()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _reseed() -> None:
    """Every kernel its own random numbers, as if it had started from nothing; a fork would repeat the server's."""
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
