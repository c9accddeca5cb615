"""What the tests of single figures share: a page with nothing else, and what is read off it."""

from pathlib import Path

AXE = Path(__file__).parents[2] / "site" / "node_modules" / "axe-core" / "axe.min.js"
PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8"><title>A figure</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="figures.css">
<link rel="stylesheet" href="lab.css"><style>* {{ box-sizing: border-box; }}
body {{ margin: 0 20px; font: 16px/1.5 sans-serif; background: var(--rd-paper); color: var(--rd-ink); }}</style>
<script defer src="figures.js"></script><main><h1>A figure</h1>{figure}</main></html>"""
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
PIXELS = """(canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, 28, 28);
  return Array.from({length: 784}, (_, i) => data[4 * i + 3]);
}"""
SMALL = """() => {
  const words = document.createTreeWalker(document.querySelector("[data-figure]"), NodeFilter.SHOW_TEXT), found = [];
  while (words.nextNode()) {
    const size = parseFloat(getComputedStyle(words.currentNode.parentElement).fontSize);
    if (words.currentNode.data.trim() && size < 11) found.push(words.currentNode.data);
  }
  return found;
}"""


def settle(page):
    """Two frames: what was changed has been drawn."""
    page.evaluate(FRAMES)


def check_reach(page, width):
    """Letters of 11 pixels, handles of 44, nothing wider than the page, nothing serious found by axe where it is."""
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator("button, input").all():
        box = control.bounding_box()
        assert min(box["height"], box["width"]) >= 44, control.evaluate("e => e.outerHTML")
    for circle in page.locator(".rd-handle circle:first-child").all():
        assert circle.get_attribute("r") == "22"
    if AXE.is_file():
        page.add_script_tag(path=AXE)
        found = page.evaluate("() => axe.run('main').then(found => found.violations)")
        serious = [v for v in found if v["impact"] in ("critical", "serious")]
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in serious] == []
