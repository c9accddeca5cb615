"""The browser that the tests of pages and of their scripts share."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bare import PAGE
from live_pages import Figure
from playwright.sync_api import Browser, Page, sync_playwright
from test_project import ROOT, script

from companion.show.widgets import live_page

STATIC = Path(__file__).parents[2] / "book" / "_static"
LABORATORY = ("exact", "frontiers", "toy", "descent")  # in the order in which they stand on each other


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "expected Chromium on the path, found none: install it"
    with sync_playwright() as play:
        yield play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])


@pytest.fixture(scope="session")
def laboratory(browser: Browser) -> Iterator[Page]:
    """An empty page that has loaded the scripts of the exact laboratory."""
    page = browser.new_page()
    page.set_default_timeout(120_000)  # milliseconds
    for name in LABORATORY:
        page.add_script_tag(path=STATIC / f"{name}.js")
    yield page
    page.close()


@pytest.fixture
def figure(browser: Browser, tmp_path: Path) -> Callable[..., Figure]:
    """A figure that lives, by its kind, on a page of its own."""
    return lambda kind, *args, **options: Figure(browser, tmp_path, kind, *args, **options)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a site's folder of static files has: scripts, styles and the network."""
    made, site = tmp_path_factory.mktemp("site"), script("network", "site")
    for path in (*STATIC.glob("*.js"), *STATIC.glob("*.css")):
        shutil.copy(path, made)
    (made / "one_network.js").write_text(site.script("one_network", site.network(ROOT / site.MEMBERS)))
    return made


@pytest.fixture
def opened(browser: Browser, folder: Path) -> Iterator[Callable[..., Page]]:
    """A function that opens one figure on a page of its own; in the end nothing has gone wrong on any."""
    contexts, wrong = [], []
    still = '<svg role="img" aria-label="still"></svg>'

    def opened(
        kind: str, settings: Any, width: int = 720, theme: str = "light", live: str = "on", **options: Any
    ) -> Page:
        path = folder / f"{len(contexts)}.html"
        path.write_text(PAGE.format(theme=theme, figure=live_page(kind, "a figure", still, "a still", settings)))
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options))
        contexts[-1].set_default_timeout(120_000)  # milliseconds: a busy machine is no fault of a page
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path.as_uri())
        if live:
            page.wait_for_selector(f"[data-live={live}]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
