"""One list of dependencies: pyproject.toml, the two locks and environment.yml say the same."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DIRECT = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["test"]]
PEERS = PROJECT["project"]["optional-dependencies"]["bench"]
BENCH = PEERS + PROJECT["project"]["dependencies"]
CARD = {"jupyterlab", "papermill", "pandas", "scikit-learn", "tensorflow", "matplotlib", "seaborn", "nbval"}


def _pins(lock: str) -> list[tuple[str, str, str | None]]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return re.findall(r"^([a-z0-9.-]+)==(\S+?)(?: ; (.+?))? \\$", text, re.MULTILINE)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("machine", [("linux", "x86_64"), ("darwin", "arm64")])
@pytest.mark.parametrize(("lock", "direct"), [("requirements.lock", DIRECT), ("requirements-bench.lock", BENCH)])
def test_every_dependency_is_pinned_within_its_range(lock, direct, python, machine):
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "sys_platform": machine[0],
        "platform_machine": machine[1],
    }
    pins = {
        canonicalize_name(name): version
        for name, version, marker in _pins(lock)
        if not marker or Marker(marker).evaluate(environment)
    }
    for text in direct:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), text


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-bench.lock"])
def test_lock_is_hashed_and_names_no_address(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) > 100
    assert all("--hash=sha256:" in block for block in blocks)


def test_both_locks_agree_but_for_what_lifetimes_imports():
    main, bench = (dict.fromkeys(_pins(lock)) for lock in ("requirements.lock", "requirements-bench.lock"))
    shared = {name for name, _, _ in main} & {name for name, _, _ in bench}
    assert len(shared) > 100
    different = {pin for pin in main if pin[0] in shared} ^ {pin for pin in bench if pin[0] in shared}
    assert {name for name, _, _ in different} == {"setuptools"}


def test_peers_have_an_environment_of_their_own_made_from_their_lock():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^\$\(PEERS\)/stamp: requirements-bench\.lock .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    assert recipe.count("--require-hashes -r requirements-bench.lock") == 2
    assert "$(BIN)/python" not in re.search(r"^bench:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
    assert ".venv-bench/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_environment_yml_is_what_the_generator_writes():
    generated = runpy.run_path(str(ROOT / ".ci" / "environment_yml.py"))["environment_yml"]()
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == generated
    names = {canonicalize_name(name) for name in re.findall(r'- "([A-Za-z0-9._-]+)==', generated)}
    assert names >= CARD
    assert {canonicalize_name(Requirement(text).name) for text in DIRECT} == names


def test_names_are_ours():
    assert PROJECT["project"]["name"] == "clv-notebooks"
    assert set(PROJECT["project"]["scripts"]) == {"clv"}
