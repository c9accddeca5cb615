"""The built site as its tests open it: with the network off, mathematics set, edges marked."""

from pathlib import Path

from bare import FRAMES
from playwright.sync_api import Browser, Locator, Page, expect

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.glob("book/**/*.html"))
DRAWN = {name for name in PAGES if 'class="rd-still"' in (SITE / name).read_text()}
PHONE, DESK, WIDE = (360, 780), (1280, 900), (1400, 900)
CHAPTER = "book/sandwich.html"
CLIPPED = """() => [...document.querySelectorAll('article .math')].map(math => {
  const box = math.matches('div') ? math.querySelector('mjx-container') : math;
  const more = math.querySelector('mjx-math').getBoundingClientRect().width - box.clientWidth;
  return [more > 1 && box.clientWidth, box.matches('.scrolls.more-right[tabindex]'), math.textContent.slice(0, 60)];
}).filter(([clipped]) => clipped)"""
SERIOUS = """([within, rules]) => axe.run(within, {
  preload: false, resultTypes: ['violations'], ...(rules && {runOnly: rules}),
}).then(found => found.violations.filter(each => ['critical', 'serious'].includes(each.impact)).map(
  each => [each.id, each.nodes[0].html.slice(0, 200)]))"""
COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that depend on the scheme
# What slows axe and tells it nothing: what is within a picture, which is one thing with a name; the signs of formulas,
# which MathJax draws by CSS where axe sees none; the hundredth word of code that looks like the first. A word in its
# colour stands for each formula that does not scroll, and of words marked alike within like elements one stays marked.
# test_reading shows axe one page whole.
SHORTENED = """() => {
  const empty = (which, put) => document.querySelectorAll(`article ${which}`).forEach(each => {
    each.whole = [...each.childNodes];
    each.innerHTML = put;
  });
  empty('svg[role=img]', '');
  empty('mjx-container:not(.scrolls, .scrolls *)', '<span style="line-height: 1">signs</span>'); // where it has none
  const known = new Set(), is = each => `${each.localName} ${each.className} ${each.getAttribute('style')}`;
  const kind = each => each.matches('article') ? '' : `${is(each)} in ${kind(each.parentElement)}`;
  const words = ':is(span, code, em, strong):not(:has(*), a *, button *, summary *, label *, svg *, mjx-container *)';
  document.querySelectorAll(`article ${words}`).forEach(each =>
    known.has(kind(each)) ? each.replaceWith(...each.childNodes) : known.add(kind(each)));
}"""
WHOLE = """() => document.querySelectorAll('article :is(svg, mjx-container)').forEach(each =>
  each.whole && each.replaceChildren(...each.whole))"""


def opened(browser: Browser, name: str, scheme: str = "light", size: tuple[int, int] = DESK) -> tuple[Page, list[str]]:
    """A page, and what goes wrong on it: errors on the console, and requests that leave the site."""
    assert PAGES, f"expected the site in {SITE}: make book"
    context = browser.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]}, offline=True)
    context.set_default_timeout(120_000)  # milliseconds: a busy machine is no fault of a page
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: wrong.append(asked.url) if asked.url.startswith("http") else None)
    page.goto(f"{SITE.as_uri()}/{name}")
    page.evaluate("() => window.MathJax ? MathJax.startup.promise : null")
    settle(page)
    return page, wrong


def settle(page: Page) -> None:
    """Until what was changed is drawn, and edges are marked again."""
    page.evaluate(FRAMES)


def live(page: Page, kind: str) -> list[Locator]:
    """The figures of one kind, each brought near and made live."""
    found = page.locator(f'[data-figure="{kind}"]').all()
    for figure in found:
        figure.scroll_into_view_if_needed()
        expect(figure).to_have_attribute("data-live", "on")
    return found
