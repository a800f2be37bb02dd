"""How a notebook ended, told truly, with real kernels."""

import json
import os
import signal
import sys
import threading
import time

import nbformat
import pytest

from clvlib.reporting.execute import KERNEL_ENVIRONMENT, Kernels, Stopped, execute
from clvlib.reporting.forkserver import ForkServer

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture(scope="module")
def forked():
    with Kernels() as kernels:
        yield kernels


@pytest.fixture(scope="module")
def ordinary():
    with Kernels(fork=False) as kernels:
        yield kernels


@pytest.fixture
def run(chapters, forked, tmp_path):
    def run(*cells, kernels=forked, parameters=None, timeout=60, folder="out"):
        path = chapters.add("31_clv", *cells, parameters="rate: float = 0.1")
        (tmp_path / folder).mkdir(exist_ok=True)
        return execute(
            path,
            tmp_path / folder / "31_clv.ipynb",
            parameters=parameters or {},
            handover=tmp_path / "handover",
            kernels=kernels,
            timeout=timeout,
        )

    return run


def texts(execution) -> list[str]:
    outputs = [output for cell in execution.notebook.cells for output in cell.get("outputs", [])]
    return [output["text"] for output in outputs if output.output_type == "stream"]


def test_a_good_notebook_is_good(run):
    execution = run("print(rate)", "1 + 1", parameters={"rate": 0.25})
    assert execution.error is None
    assert texts(execution) == ["0.25\n"]
    assert execution.seconds >= execution.overhead_seconds > 0
    assert execution.peak_mb > 20
    assert len(execution.cells) == 4


@pytest.mark.parametrize(
    ("cell", "kind", "said"),
    [
        ("raise ValueError('no {x} here')", "error", "Cell 3 raised ValueError: no {x} here"),
        ("import sys; sys.exit(0)", "exit", "Cell 3 ended the chapter early with sys.exit(0)"),
        ("raise SystemExit", "exit", "Cell 3 ended the chapter early"),
        ("import os; os._exit(0)", "died", "ended with exit code 0 during cell 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "died", "memory runs out, during cell 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "died", "signal 11 (SIGSEGV) during cell 3"),
        ("raise OSError(28, 'No space left on device')", "error", "(the disk is full)"),
    ],
)
def test_what_papermill_may_call_a_success_is_judged_a_failure(run, cell, kind, said):
    execution = run("print('before')", cell, "print('after')")
    assert execution.error["kind"] == kind
    assert said in execution.error["message"]
    assert execution.error["cell"] == 3  # after the parameters and the first
    assert texts(execution)[0] == "before\n"
    assert "after\n" not in texts(execution)
    tags = [tag for cell in execution.notebook.cells for tag in cell.metadata.get("tags", [])]
    assert "papermill-error-cell-tag" not in tags


def test_a_cell_that_takes_too_long_is_ended(run):
    execution = run("import time; time.sleep(30)", timeout=1)
    assert execution.error == {
        "kind": "timeout",
        "message": "Cell 2 took longer than the 1 seconds a cell may take, and was ended.",
        "cell": 2,
    }
    assert execution.seconds < 15


def test_a_kernel_that_leaves_in_the_middle_does_not_pass(run):
    execution = run("exit()", "import time; time.sleep(0.5)", "1")
    assert execution.error is not None


def test_an_expected_error_in_a_tagged_cell_is_still_told(run, chapters):
    assert run("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    print(type(e).__name__)").error is None


def test_a_path_with_braces_is_a_path(run):
    assert run("1", folder="{curly} out").error is None


def test_an_output_that_cannot_be_written_is_an_oserror(run, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OSError, match="taken"):
        run("1", folder="taken/below")


def test_the_environment_of_a_kernel_is_the_same_everywhere(run):
    wanted = json.loads(texts(run("import os, json; print(json.dumps(dict(os.environ)))"))[0])
    assert KERNEL_ENVIRONMENT.items() <= wanted.items()
    assert wanted["CLV_HANDOVER"].endswith("handover")
    assert "PYTEST_CURRENT_TEST" not in wanted


PROBE = """
import json, locale, os, random, signal, sys
import matplotlib, matplotlib.pyplot as plt, pandas, seaborn, sklearn.ensemble
plt.plot([1, 2]); plt.show()
print(json.dumps({
    "path": sys.path, "argv": sys.argv[:1], "executable": sys.executable, "hash": hash("a"), "cwd": os.getcwd(),
    "environment": sorted(os.environ), "backend": matplotlib.get_backend(), "locale": locale.getlocale(),
    "settings": {key: str(value) for key, value in matplotlib.rcParams.items()},
    "signals": [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
    "names": sorted(name for name in globals() if not name.startswith("_")), "main": sys.modules["__main__"].__name__,
    "tensorflow": "tensorflow" in sys.modules, "encoding": sys.stdout.encoding,
    "own_group": os.getpgid(0) == os.getpid(), "wide table": repr(pandas.DataFrame([["wide" * 9] * 4])),
}))
"""


@on_linux
def test_a_forked_kernel_is_as_an_ordinary_one(run, forked, ordinary):
    new, old = run(PROBE, kernels=forked), run(PROBE, kernels=ordinary)
    assert (new.forked, old.forked) == (True, False)
    assert json.loads(texts(new)[0]) == json.loads(texts(old)[0])

    def picture(execution):
        (cell,) = [cell for cell in execution.notebook.cells if "plt.plot" in cell.source]
        return [output.data["image/png"] for output in cell.outputs if output.output_type == "display_data"]

    assert picture(new) == picture(old) != []


@on_linux
def test_forked_kernels_share_neither_names_nor_random_numbers(run):
    cell = "import random, numpy; print('x' in globals(), random.random(), numpy.random.random()); x = 1"
    first, second = texts(run(cell))[0].split(), texts(run(cell))[0].split()
    assert first[0] == second[0] == "False"
    assert first[1] != second[1]
    assert first[2] != second[2]


@on_linux
def test_a_fork_server_that_dies_gives_way_to_ordinary_kernels(run):
    with Kernels() as kernels:
        os.kill(kernels.server.pid, signal.SIGKILL)
        execution = run("print(1)", kernels=kernels)
    assert execution.error is None
    assert not execution.forked
    assert "fork server has ended" in execution.why_not_forked


@pytest.mark.parametrize("fork", [pytest.param(True, marks=on_linux), False])
def test_stopping_ends_the_kernel_and_what_it_has_started(run, tmp_path, fork, is_running):
    pids = tmp_path / "pids"
    cell = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pids)!r} + '.part', 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        f"os.replace({str(pids)!r} + '.part', {str(pids)!r})\n"
        "time.sleep(60)"
    )
    with Kernels(fork=False) as kernels:
        if fork:
            kernels.server = ForkServer(kernels.environment, preload=())

        def stop():
            while not pids.exists():
                time.sleep(0.05)
            kernels.stop()

        threading.Thread(target=stop).start()
        with pytest.raises(Stopped):
            run(cell, kernels=kernels)
    assert [pid for pid in map(int, pids.read_text().split()) if is_running(pid)] == []



def test_the_executed_notebook_is_a_valid_one(run, tmp_path):
    run("1")
    nbformat.validate(nbformat.read(tmp_path / "out" / "31_clv.ipynb", as_version=4))
