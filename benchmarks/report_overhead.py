"""How much time does a report take beyond its chapters' own computing?

The same notebooks, which import what a chapter imports and draw one figure, (1) one after another with nbclient, a
fresh kernel each, as ``jupyter nbconvert --execute`` does; (2) the way ``clv report`` runs them: kernels forked from
one process that has the imports done, as many at once as there are processors; (3) the same without forking.
Rounds are interleaved and the medians compared; all three must give the same numbers.

    python benchmarks/report_overhead.py [--notebooks 8] [--rounds 3]
"""

import argparse
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
from _side_by_side import Way, conditions, markdown, side_by_side
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from clvlib.reporting.execute import KERNEL_ENVIRONMENT, Kernels, execute

_CELLS = [
    "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\nimport seaborn as sns\n"
    "from sklearn.ensemble import HistGradientBoostingRegressor",
    "table = pd.DataFrame(np.random.default_rng(SEED).gamma(2.0, 20.0, (100_000, 8)))",
    "print(table.describe().round(6).to_string())",
    "sns.histplot(table[0], bins=50)\nplt.show()",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notebooks", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ.update(KERNEL_ENVIRONMENT)
    print(f"{conditions('nbclient', 'ipykernel')}; `python benchmarks/report_overhead.py`\n")
    with tempfile.TemporaryDirectory() as folder:
        paths = [_write(Path(folder), seed) for seed in range(options.notebooks)]
        ways = [
            Way("`clv report`, forked kernels", partial(_clv, paths, fork=True)),
            Way("`clv report`, ordinary kernels", partial(_clv, paths, fork=False)),
            Way("nbclient, one after another", partial(_sequential, paths)),
        ]
        timings = side_by_side(ways, rounds=options.rounds, same=_same)
    print(markdown(f"{options.notebooks} notebooks that compute little", timings))


def _same(printed: list[str], ours: list[str]) -> None:
    assert printed == ours, "the ways do not compute the same"


def _write(folder: Path, seed: int) -> Path:
    cells = [new_code_cell(cell.replace("SEED", str(seed))) for cell in _CELLS]
    path = folder / f"{seed}.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def _sequential(paths: list[Path]) -> list[str]:
    printed = []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, kernel_name="python3", timeout=600).execute()
        printed.append(_output(notebook))
    return printed


def _clv(paths: list[Path], *, fork: bool) -> list[str]:
    def one(path: Path) -> str:
        target = path.with_suffix(".out.ipynb")
        done = execute(path, target, parameters={}, handover=path.with_suffix(""), kernels=kernels, timeout=600)
        assert done.error is None, done.error
        assert done.forked is fork, done.why_not_forked
        return _output(done.notebook)

    with Kernels(fork=fork) as kernels, ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(one, paths))


def _output(notebook: nbformat.NotebookNode) -> str:
    return "".join(
        output["text"]
        for cell in notebook.cells
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    )


if __name__ == "__main__":
    main()
