import html.parser
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from companion import show

TABLE = show.Table(
    ["family", "R", "note"], [["---", "25.1", "R < D & best"], ["-+v", "−0.003 ± 0.1", ""], ["++v", "", "x"]]
)


class TableParser(html.parser.HTMLParser):
    """The words of each cell, and how each is aligned."""

    def __init__(self, text):
        super().__init__()
        self.words, self.looks = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag in ("th", "td"):
            self.words.append("")
            self.looks.append("right" if "right" in dict(attributes)["style"] else "left")

    def handle_data(self, data):
        if data.strip():
            self.words[-1] += data


def test_a_page_shows_every_cell_as_it_was_given():
    read = TableParser(TABLE._repr_html_())
    cells = ["family", "R", "note", "---", "25.1", "R < D & best", "-+v", "−0.003 ± 0.1", "", "++v", "", "x"]
    assert read.words == cells
    assert read.looks == ["left", "right", "left"] * 4  # names made of signs are no numbers


def test_families_stay_on_one_line_and_long_columns_keep_their_width():
    page = show.Table(
        ["a", "b"], [["-+v, β 1; +--", "- a--b --- c"], ["x", "a long line of words, or longer"]]
    )._repr_html_()
    assert re.findall("<code[^>]*nowrap[^>]*>([^<]*)</code>", page) == ["-+v", "+--", "---"]
    assert [("min-width" in cell) for cell in re.findall("<t[hd] [^>]*>", page)] == [False, True] * 3


def test_a_table_that_scrolls_sideways_is_reached_by_the_keyboard():
    assert TABLE._repr_html_().startswith('<div tabindex="0" style="overflow-x: auto">')


def test_a_terminal_shows_the_same_in_columns():
    assert repr(TABLE).splitlines() == [
        "family             R  note",
        "---             25.1  R < D & best",
        "-+v     −0.003 ± 0.1",
        "++v                   x",
    ]
    assert repr(show.Table(["a", "b"], [])) == "a  b"
    assert TableParser(show.Table(["a", "b"], [])._repr_html_()).words == ["a", "b"]


@pytest.mark.parametrize(
    ("headings", "lines", "message"),
    [
        ([], [], "headings: expected at least one, got none"),
        (["a", "b"], [[1, 2], [3]], r"lines: expected 2 cells a line, got \['3'\]"),
    ],
)
def test_tables_of_no_shape_are_refused(headings, lines, message):
    with pytest.raises(ValueError, match=message):
        show.Table(headings, lines)


def test_a_spread_is_one_number_where_both_ends_look_the_same():
    assert show.spread(iter([2, 1, 3])) == "1 to 3"
    assert show.spread([-0.5, 1.25], "+.1f") == "-0.5 to +1.2"
    assert show.spread([7.0]) == show.spread([7.0000001, 7.0]) == "7"
    with pytest.raises(ValueError, match="values: expected at least one number, got none"):
        show.spread([])


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (True, "reproduced"),
        ([True, True], "reproduced"),
        ([True, False], "partly"),
        ([False, False], "not reproduced"),
        (False, "not reproduced"),
        ([False, None], "not tested here: too few runs"),
        ([], "not tested here: too few runs"),
        (None, "not tested here: too few runs"),
        ("no run would tell", "not tested here: no run would tell"),
        (show.Unseen("twice as much, in 80 %"), "not contradicted: twice as much, in 80 %"),
    ],
)
def test_a_verdict_is_about_all_parts_and_waits_for_missing_runs(answer, word):
    (line,) = show.claim_table(("claim", "question", None, answer)).lines
    assert line == ["claim", word, "no run", "question"]


def claims(*answers):
    return [("claim", "question", "rows", answer) for answer in answers]


@pytest.mark.parametrize(
    ("arrived", "every", "word", "told"),
    [
        (True, True, "reproduced", "rows"),
        (True, [True, False], "reproduced", "rows; with all rows: partly"),
        (False, None, "not reproduced", "rows; with all rows: not tested here: too few runs"),
        (None, True, "not tested here: its rows have not arrived", "rows"),
        ([True, None], [True, False], "not tested here: its rows have not arrived", "rows"),
        (None, None, "not tested here: too few runs", "rows"),
        ("no run", "no run", "not tested here: no run", "rows"),
    ],
)
def test_a_verdict_is_that_of_the_arrived_rows_and_says_where_others_would_turn_it(arrived, every, word, told):
    (line,) = show.claim_table(*claims(arrived), every=claims(every)).lines
    assert line == ["claim", word, told, "question"]


def test_claims_without_arrived_rows_say_so_and_both_lists_are_of_one_length():
    (line,) = show.claim_table(("claim", "question", None, None), every=claims(False)).lines
    assert line[2] == "no run that has arrived"
    with pytest.raises(ValueError, match="every: expected 1 claims, got 2"):
        show.claim_table(*claims(True), every=claims(True, True))


class CardParser(html.parser.HTMLParser):
    """The words of a list of cards by their element, the badge by its classes."""

    def __init__(self, text):
        super().__init__()
        self.said, self.open = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open.append(" ".join([tag, *filter(None, [dict(attributes).get("class")])]))

    def handle_endtag(self, tag):
        assert self.open.pop().split()[0] == tag

    def handle_data(self, data):
        if data.strip():
            self.said.append((self.open[-1], data.strip()))


def test_a_page_shows_a_card_for_each_claim_with_its_verdict_in_words():
    table = show.claim_table(
        ("R < D.", "rule", "83.7", [True, False]), ("Best.", "", "1", "no run would tell"), ("Three.", "q", "", False)
    )
    read = CardParser(table._repr_html_())
    assert read.said == [
        ("strong", "R < D."),
        ("span rd-verdict rd-verdict-partly", "partly"),
        *(("dt", "The rows say"), ("dd", "83.7"), ("dt", "Reproduced if"), ("dd", "rule")),
        ("strong", "Best."),
        ("span rd-verdict rd-verdict-open", "not tested here"),
        *(("dt", "Why not"), ("dd", "no run would tell"), ("dt", "The rows say"), ("dd", "1")),
        ("strong", "Three."),
        ("span rd-verdict rd-verdict-not", "not reproduced"),
        *(("dt", "The rows say"), ("dd", "no run"), ("dt", "Reproduced if"), ("dd", "q")),
    ]
    assert repr(table).splitlines()[1].split("  ")[0] == "R < D."


def test_a_claim_that_nothing_is_to_be_seen_says_what_would_have_been():
    table = show.claim_table(("Nothing.", "rule", "p = 1", show.Unseen("half of them")))
    said = CardParser(table._repr_html_()).said
    assert said[1] == ("span rd-verdict rd-verdict-open", "not contradicted")
    assert said[2:4] == [("dt", "Would be seen"), ("dd", "half of them")]
    assert show.VerdictCount([table.lines[0][1]]).lines[-1] == ["not contradicted", "1"]


def test_the_families_of_a_card_stay_on_one_line():
    assert re.findall("<code[^>]*nowrap[^>]*>([^<]*)</code>", show.claim_table(*claims(True))._repr_html_()) == []
    table = show.claim_table(("Is -+v best?", "--+ pays less", "+--: 3", True))
    assert re.findall("<code[^>]*nowrap[^>]*>([^<]*)</code>", table._repr_html_()) == ["-+v", "+--", "--+"]


def test_verdicts_are_counted_by_their_first_words():
    count = show.VerdictCount(["partly", "not tested here: a", "reproduced", "not tested here: b", "partly"])
    assert count.lines == [["reproduced", "1"], ["partly", "2"], ["not reproduced", "0"], ["not tested here", "2"]]
    said = CardParser(count._repr_html_()).said
    assert said[:3] == [("span rd-verdict rd-verdict-reproduced", "reproduced"), ("li", "1"), (said[2][0], "partly")]
    with pytest.raises(ValueError, match=r"verdicts: expected reproduced, partly, .* got refuted"):
        show.VerdictCount(["partly", "refuted"])


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def test_the_badges_can_be_read_in_light_and_in_dark():
    """Letters on their badge by WCAG AA, 4.5; the rules of pale badges beside the page's ground, 3."""
    style = (Path(__file__).parents[1] / "book" / "_static" / "claims.css").read_text()
    blocks = dict(zip(("#ffffff", "#14181e"), re.findall(r"{([^{}]*--rd-yes:[^{}]*)}", style), strict=True))
    for page, block in blocks.items():
        colours = dict(re.findall(r"(--rd-[\w-]+): (#[0-9a-f]{6})", block))
        assert {name for name in colours if name.endswith("-ink")} == {
            f"--rd-{kind}-ink" for kind in ("yes", "partly", "no", "open")
        }
        pairs = [(colours[name.removesuffix("-ink")], ink, 4.5) for name, ink in colours.items() if "-ink" in name]
        pairs += [(page, rule, 3) for name, rule in colours.items() if name.endswith("-rule")]
        for ground, ink, least in pairs:
            low, high = sorted(map(luminance, (ground, ink)))
            assert (high + 0.05) / (low + 0.05) >= least, (ground, ink)
    shown = show.VerdictCount([])._repr_html_()
    for kind in re.findall(r"rd-verdict-\w+", shown):
        assert re.search(rf"\.{kind}::before {{ content: \"(.)\"", style)  # a sign of its own


def test_the_report_counts_the_runs_that_have_not_arrived_and_names_the_worst():
    run = {"family": "---", "beta": 1.0, "annealed": False, "target": None, "steps": 30, "seed": 2, "excess_se": 0.4}
    late = [run | {"arrived": False, "excess": by, "seed": seed} for seed, by in enumerate((2.0, 7.0, 1.5, 3.0))]
    rows = [run | {"arrived": True, "excess": -9.0}, *late, run | {"arrived": True, "excess": None, "target": 8.0}]
    assert show.arrival_report("some", rows, worst=2).splitlines() == [
        "some: 4 of 6 runs have not arrived",
        "  ---, β 1, 30 steps, seed 1: another run of its family pays 7.0 ± 0.4 nats less at this price",
        "  ---, β 1, 30 steps, seed 3: another run of its family pays 3.0 ± 0.4 nats less at this price",
        "  without a price to be judged at, taken as they are: 1",
    ]
    assert show.arrival_report("few", pd.DataFrame(rows[:1])) == "few: 0 of 1 runs have not arrived"
    for none, message in (([], "rows: expected at least one row"), ([run], "got a row without arrived, excess")):
        with pytest.raises(ValueError, match=message):
            show.arrival_report("none", none)
