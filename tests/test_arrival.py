"""What the pages say of the runs that have not arrived is what the tables say, and no page goes round it."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from companion import exact, results, show
from companion.show.tables import UNARRIVED

BOOK = Path(__file__).parents[1] / "book"
FRAMES = {path.stem: results.load(path) for path in sorted((BOOK / "results").glob("*.csv"))}
JUDGED = {name: frame for name, frame in FRAMES.items() if "excess" in frame and frame["excess"].notna().any()}


def code_and_output(page):
    """All code of a page, and all text that it printed or showed."""
    cells = [cell for cell in nbformat.read(page, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join(cell.source for cell in cells), "\n".join(shown)


PAGES = {page.stem: code_and_output(page) for page in sorted(BOOK.glob("*.ipynb"))}
READ = {
    page: [name for name in JUDGED if re.search(rf'results\.load[^\n]*"{name}"', code)]
    for page, (code, _) in PAGES.items()
}


@pytest.mark.parametrize("page", [page for page, tables in READ.items() if tables])
def test_a_page_counts_the_unarrived_runs_of_every_table_it_reads(page):
    said = dict(re.findall(r"(\w+): (\d+ of \d+) runs have not arrived", PAGES[page][1]))
    tests = {name: JUDGED[name].query("split == 'test'") for name in READ[page]}
    assert said == {name: f"{(~frame.arrived).sum()} of {len(frame)}" for name, frame in tests.items()}


def test_the_pages_on_trained_families_are_among_them():
    assert {"mnist", "omniglot", "claims", "collapse", "ten_minutes"} <= {
        page for page, tables in READ.items() if tables
    }


@pytest.mark.parametrize("page", PAGES)
def test_no_page_reads_rows_that_could_be_judged_without_their_judgement(page):
    code = PAGES[page][0]
    assert [name for name in JUDGED if f"{name}.csv" in code] == []


def test_a_claim_about_one_price_is_tested_where_a_run_of_it_has_arrived():
    """The four lines of figure 4: a verdict where a run of -+v at that beta has arrived, none where no run has."""
    rows = FRAMES["mnist"].query("split == 'test' and family == '-+v' and objective == 'beta_vae'")
    lines = re.findall(r"^β = ([\d.]+): R = \S+, D = \S+ nats\.  +(.*)$", PAGES["claims"][1], re.M)
    assert len(lines) == 4
    for beta, line in lines:
        found = rows[rows.beta == float(beta)]
        assert len(found)
        assert line.startswith(UNARRIVED) == (not found.arrived.any())


def test_the_count_of_verdicts_is_that_of_all_cards_of_the_page():
    """Those that are computed, and those that stand in its text, on badges of the same words."""
    page = nbformat.read(BOOK / "claims.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in page.cells if cell.cell_type == "markdown")
    stated = re.findall(r"^\*\*.*<span class=\"rd-verdict[^>]*>([^<]*)</span>$", text, re.M)
    shown = "\n".join(o["data"].get("text/html", "") for c in page.cells for o in c.get("outputs", []) if "data" in o)
    cards = re.findall(r"</strong> <span class=\"rd-verdict[^>]*>([^<]*)</span>", shown)
    assert len(stated) == 6
    assert len(cards) > 20
    (said,) = re.findall(r"^verdict +claims\n((?:.+\d\n?){4})", PAGES["claims"][1], re.M)
    assert show.VerdictCount(stated + cards).lines == [line.rsplit(maxsplit=1) for line in said.splitlines()]


@pytest.mark.parametrize("family", ["---", "-+v"])
def test_a_walk_upwards_beats_separate_runs_of_as_many_steps_as_the_pages_say(family):
    """Of both tables together only separate rows are beaten, all of them, and no hull of a walk lies 0.5 nats above."""
    chosen = f"split == 'test' and family == '{family}'"
    paths, apart = FRAMES["paths"].query(chosen), FRAMES["separate"].query(chosen)
    upwards = (paths.direction == "up") | ((paths.direction == "start") & (paths.beta < 0.5))
    walked = paths[upwards]
    assert set(walked.beta) == set(apart.beta)
    both = results.arrival(pd.concat([paths.assign(walk=upwards), apart.assign(walk=None)]))
    assert both[both.walk == True].arrived.all()  # noqa: E712 (None is neither)
    assert not both[both.walk.isna()].arrived.any()
    rates = np.linspace(max(walked.rate.min(), apart.rate.min()), min(walked.rate.max(), apart.rate.max()), 200)
    hulls = [exact.hull_distortion(*rows[["rate", "distortion"]].to_numpy().T, rates) for rows in (walked, apart)]
    assert (hulls[0] - hulls[1]).max() < 0.5
