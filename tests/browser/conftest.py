"""The browser that the tests of pages and of their scripts share."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_pages import Figure
from playwright.sync_api import Browser, Page, sync_playwright

STATIC = Path(__file__).parents[2] / "book" / "_static"
LABORATORY = ("exact", "frontiers", "toy", "descent")  # in the order in which they stand on each other


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert path, "expected Chromium on the path, found none: install it"
    with sync_playwright() as play:
        yield play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])


@pytest.fixture(scope="module")
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
