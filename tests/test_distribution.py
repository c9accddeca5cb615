"""What pip installs: both distributions hold what they should and nothing else, and agree with what is installed."""

import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from test_project import ROOT

FOLDERS = {"elbo_companion": (ROOT, "companion"), "elbo_coursework": (ROOT / "coursework", "elbo_coursework")}
BUILD = "import sys; from setuptools import build_meta as b; out = sys.argv[1]; b.build_sdist(out); b.build_wheel(out)"
TOP = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")


def sources(root: Path, package: str) -> set[str]:
    """The package's files."""
    found = (path for path in (root / package).rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(root).as_posix() for path in found}


def copy_tree(root: Path, names: tuple[str, ...], out: Path) -> None:
    """Copy what is there of ``names``: a build leaves folders in the tree that it builds."""
    for name in names:
        if (root / name).is_dir():
            shutil.copytree(root / name, out / name, ignore=shutil.ignore_patterns("__pycache__", "browser"))
        elif (root / name).exists():
            shutil.copy(root / name, out / name)


@pytest.fixture(scope="module", params=FOLDERS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The name of a distribution, and the folder of its sdist and its wheel, built from a copy of its tree."""
    root, package = FOLDERS[request.param]
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    copy_tree(root, (package, "tests", *TOP), tree)
    subprocess.run([sys.executable, "-c", BUILD, out], cwd=tree, check=True, capture_output=True)
    return request.param, out


def test_the_wheel_holds_the_package_its_licence_and_nothing_else(built):
    name, out = built
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {each for each in names if ".dist-info/" not in each}
    assert inside == sources(*FOLDERS[name])
    (info,) = {each.split("/")[0] for each in names - inside}
    wanted = {"METADATA", "WHEEL", "RECORD", "top_level.txt", "licenses/LICENSE"}
    assert {each.removeprefix(f"{info}/") for each in names - inside} == wanted


def test_the_sdist_holds_the_same_sources_and_what_builds_them(built):
    name, out = built
    (sdist,) = out.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}
    own = {each for each in names if ".egg-info/" not in each} - {"setup.cfg", "PKG-INFO"}
    root, package = FOLDERS[name]
    assert own == sources(root, package) | {each for each in TOP if (root / each).exists()}


def test_what_is_installed_fits_together():
    finished = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert finished.stdout == "No broken requirements found.\n"


@pytest.mark.full
def test_the_package_alone_sweeps_in_a_bare_environment(tmp_path):
    """Without any extra; pip takes the versions of the pins, and nothing of this environment."""
    venv.create(tmp_path / "bare", with_pip=True)
    python = tmp_path / "bare" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    copy_tree(ROOT, ("companion", *TOP), tmp_path / "tree")
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", tmp_path / "tree"], check=True
    )
    sweep = [python, "-m", "companion", "sweep", "--data", "digits", "--betas", "1", "--out", "out"]
    subprocess.run(sweep, cwd=tmp_path, check=True)
    header, *rows = (tmp_path / "out" / "rates.csv").read_text().splitlines()
    assert header.startswith("family,beta,")
    assert len(rows) == 2
    assert (tmp_path / "out" / "rd_plane.png").stat().st_size > 0
