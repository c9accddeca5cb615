"""Pages in JupyterLab, in a real browser: plain notebooks as they are, the pages themselves by jupyterlab-myst.

Run by ``make test-lab`` alone, which installs JupyterLab.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect
from test_project import ROOT, script

pytestmark = pytest.mark.lab

CHAPTERS = ("surgery", "sandwich")
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": False},
    "apputils-extension/notification": {"fetchNews": "false"},
}
TRUST = "from nbformat.sign import TrustNotebookApp; TrustNotebookApp.launch_instance()"
WIDTHS = "() => [...document.querySelectorAll('.jp-OutputArea img')].map(each => each.naturalWidth)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two chapters as they are written in ``book``, and their plain notebooks in ``plain``."""
    made = tmp_path_factory.mktemp("lab")
    (made / "book").mkdir()
    for name in CHAPTERS:
        shutil.copy(ROOT / "book" / f"{name}.ipynb", made / "book")
    script("plain_notebooks", "site").write(ROOT, made / "plain", "https://ann.example", "ann/codes")
    for name, settings in SETTINGS.items():
        path = made / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings))
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Callable[..., str]]:
    """A function that starts JupyterLab in ``folder``, with jupyterlab-myst or without, and gives its address."""
    started: list[subprocess.Popen[bytes]] = []
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | own | {"JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}

    def server(myst: bool, *options: str) -> str:
        disabled = folder / "config" / "labconfig" / "page_config.json"
        disabled.parent.mkdir(parents=True, exist_ok=True)
        disabled.write_text(json.dumps({"disabledExtensions": {"jupyterlab-myst": not myst}}))
        pages = sorted(map(str, (folder / "book").glob("*.ipynb")))
        subprocess.run([sys.executable, "-c", TRUST, *pages], env=environment, check=True, capture_output=True)
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        asked = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=", *options]
        command = [sys.executable, "-m", "jupyterlab", *asked, f"--ServerApp.root_dir={folder}"]
        with (folder / "server.log").open("ab") as log:
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        address = f"http://localhost:{port}/lab"
        for _ in range(120):
            try:
                with urlopen(address):
                    return address
            except OSError:
                time.sleep(1)
        raise TimeoutError((folder / "server.log").read_text())

    yield server
    for each in started:
        each.terminate()
        each.wait()


@pytest.fixture(scope="module")
def bare(server: Callable[..., str]) -> str:
    """JupyterLab as it is."""
    return server(False)


@pytest.fixture(scope="module")
def myst(server: Callable[..., str]) -> str:
    """JupyterLab as ``make lab`` starts it."""
    return server(True, f"--config={ROOT / 'scripts' / 'jupyter_config.py'}")


def opened(browser: Browser, address: str, path: str) -> Page:
    """A notebook, all of it rendered."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)  # milliseconds: a busy machine is no fault of a page
    page = context.new_page()
    page.goto(f"{address}/tree/{path}?reset")
    written = [cell for cell in nbformat.read(ROOT / "book" / Path(path).name, 4).cells if cell.cell_type == "markdown"]
    page.get_by_role("heading", name=re.compile("Further reading")).wait_for()
    expect(page.locator(".jp-Notebook mjx-container, .jp-Notebook .katex").nth(len(written))).to_be_attached()
    return page


def stated(name: str) -> list[str]:
    """The titles of the theorems of a chapter, as words."""
    return re.findall(r"\{prf:theorem\} ([\w ',]+)", (ROOT / "book" / f"{name}.ipynb").read_text().replace("\\n", "\n"))


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_plain_notebook_reads_well_as_it_comes(browser, bare, folder, name):
    """Not yet trusted, without an extension: theorems, formulas, pictures, what folds, and code that is hidden."""
    page = opened(browser, bare, f"plain/{name}.ipynb")
    made = nbformat.read(folder / "plain" / f"{name}.ipynb", 4)
    text = page.locator(".jp-Notebook").inner_text()
    assert not re.search(r"\{prf:|:label:|\{doc\}|\{cite|\\KL|\\MI|\\operatorname|untrusted", text)
    assert page.locator("mjx-merror").count() == 0
    heads = page.locator(".jp-Notebook blockquote strong").all_inner_texts()
    assert [f"Theorem ({title})." for title in stated(name)] == [head for head in heads if head.startswith("Theorem (")]
    pictures = sum(
        "<img" in output.get("data", {}).get("text/html", "") for c in made.cells for output in c.get("outputs", ())
    )
    widths = page.evaluate(WIDTHS)
    assert len(widths) == pictures > 2
    assert min(widths) > 200
    folds = page.locator(".jp-Notebook details")
    assert folds.count() == sum(cell.source.count("<details>") for cell in made.cells) > 5
    solution = folds.filter(has=page.locator("summary", has_text=re.compile("^Solution$"))).first
    expect(solution.locator("p").first).not_to_be_visible()
    solution.locator("summary").click()
    expect(solution.locator("p").first).to_be_visible()
    hidden = [cell for cell in made.cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert page.locator(".jp-CodeCell .jp-InputPlaceholder").count() == len(hidden) > 3
    page.context.close()


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_page_reads_well_as_it_is_written(browser, myst, name):
    """By jupyterlab-myst: boxes, theorems, macros, stills, solutions. What it does not know are the works cited."""
    page = opened(browser, myst, f"book/{name}.ipynb")
    text = page.locator(".jp-Notebook").inner_text().replace("’", "'")
    assert "Undefined control sequence" not in text
    assert not re.search(r"\\KL|\\MI|\\Ent|\\E\b|\{prf:|:label:|untrusted", text)
    assert page.locator(".katex-error").count() == 0
    for number, title in enumerate(stated(name), 1):
        assert re.search(rf"Theorem {number}\s*\({re.escape(title)}\)", text)
    solution = page.locator("details.myst-exercise", has_text="Start of Solution to").first
    expect(solution.locator("p").last).not_to_be_visible()
    solution.locator("summary").click()
    expect(solution.locator("p").last).to_be_visible()
    assert page.locator(".jp-OutputArea .rd-figure svg").first.bounding_box()["width"] > 200
    page.context.close()


def test_macros_are_told_to_the_reader_and_written_to_no_file(browser, myst, folder):
    path = folder / "book" / "sandwich.ipynb"
    before = nbformat.read(path, 4).cells
    with urlopen(myst.replace("/lab", "/api/contents/book/sandwich.ipynb")) as answer:
        first = json.load(answer)["content"]["cells"][0]["source"]
    assert first.startswith("---\nmath:\n")
    assert "\\KL: \\operatorname{KL}\n" in first
    page = opened(browser, myst, "book/sandwich.ipynb")
    changed = path.stat().st_mtime_ns
    page.keyboard.press("Control+s")
    for _ in range(100):
        if path.stat().st_mtime_ns != changed:
            break
        page.wait_for_timeout(100)
    assert path.stat().st_mtime_ns != changed
    assert [cell.source for cell in nbformat.read(path, 4).cells] == [cell.source for cell in before]
    assert sorted(each.name for each in path.parent.iterdir()) == sorted(f"{name}.ipynb" for name in CHAPTERS)
    page.context.close()
