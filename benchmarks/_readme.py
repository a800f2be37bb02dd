"""Run benchmarks and put what they print into README.md, each in its own place; ``make bench`` calls it.

    python benchmarks/_readme.py [rfm_summary.py …]

And above them all, at a glance, every table that compares clvlib with a peer in one row.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

__all__ = ["at_a_glance", "benchmarks", "placed"]

FOLDER = Path(__file__).parent


def benchmarks() -> list[Path]:
    """The scripts of this folder, one a question."""
    return sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith("_"))


def placed(readme: str, script: str, tables: str) -> str:
    """The README with ``tables`` between the two marks of ``script``; ``ValueError`` where it has no such marks."""
    begin, end = f"<!-- {script} -->", f"<!-- end of {script} -->"
    if readme.count(begin) != 1 or readme.count(end) != 1:
        raise ValueError(f"benchmarks/README.md has no place for {script}: a line {begin} and below it a line {end}")
    # A function, since a table may hold what re.sub takes for a group.
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{tables.strip()}\n{end}", readme, flags=re.DOTALL)


def at_a_glance(readme: str) -> str:
    """A row for each table of ``_side_by_side.markdown`` on the page whose first way is clvlib and that has others.

    In CPU time, which load by others changes least; ways named ``clvlib, …`` are no peers.
    """
    lines = ["| CPU time | clvlib | how many times as long the others take |", "|---|--:|---|"]
    header = r"\| (.+) \| median \| CPU time \| ratio \| CPU ratio \| first call \| calls \|\n\|[-:|]+\|\n"
    for title, body in re.findall(rf"^{header}((?:\|.*\n)+)", readme, re.MULTILINE):
        ours, *others = [[cell.strip() for cell in row.strip("|").split("|")] for row in body.splitlines()]
        peers = [f"{name} {ratio}" for name, _, _, _, ratio, *_ in others if not name.startswith("clvlib")]
        if ours[0].startswith("clvlib") and peers:
            lines.append(f"| {title} | {ours[2]} | {' · '.join(peers)} |")
    return "\n".join(lines)


def main() -> None:
    wanted = [FOLDER / name for name in sys.argv[1:]] or benchmarks()
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    for script in wanted:
        print(f"== {script.name}", flush=True)
        done = subprocess.run([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
        print(done.stdout, flush=True)
        if done.returncode:
            sys.exit(f"{script.name} failed; README.md keeps what it had of it")
        readme = FOLDER / "README.md"
        page = placed(readme.read_text(encoding="utf-8"), script.name, done.stdout)
        readme.write_text(placed(page, "at a glance", at_a_glance(page)), encoding="utf-8")


if __name__ == "__main__":
    main()
