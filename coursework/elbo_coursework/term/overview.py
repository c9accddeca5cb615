"""``summary.html``: the class at a glance, for the instructor."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from elbo_coursework.feedback import page, points, table
from elbo_coursework.grading import Grade
from elbo_coursework.questions import Assignment
from elbo_coursework.term.totals import Class, Result

BINS = 10
WIDTH, HEIGHT, BASE, TOP, LEFT = 340, 180, 145, 18, 14  # of the histogram, in pixels


def overview(assignment: Assignment, whole: Class) -> str:
    """The page: totals, each question, recognised mistakes, words marked so far, overrides, and what to look at."""
    here = [result for result in whole.counting if result.grade is not None]
    absent = [result for result in whole.results if result.grade is None]
    grades = [result.grade for result in here if result.grade is not None]
    parts = [
        f"<p>{_count(len(here), 'submission')}; {_count(len(absent), 'student')} handed in nothing.</p>"
        if absent
        else f"<p>{_count(len(here), 'submission')}.</p>"
    ]
    parts += _totals(assignment, here)
    heads = ("question", "all right", "share", "mean", "of")
    parts += _section("Questions in code", heads, _code(assignment, here))
    parts += _section("Questions in words", ("question", "marked", "mean", "of"), _words(assignment, here))
    parts += _section("Recognised mistakes", ("question", "mistake", "submissions"), _mistakes(grades))
    ways = Counter((q.name, note) for graded in grades for q in graded.questions for note in q.notes)
    rows = [(*way, count) for way, count in ways.most_common()]
    parts += _section("How it was marked", ("question", "note", "submissions"), rows)
    overrides = [(r.name, q, points(m.points or 0.0), m.why, m.who) for r in here for q, m in r.changed.items()]
    parts += _section("Overrides", ("submission", "question", "points", "why", "by"), overrides)
    late = [(r.shown, r.days_late, points(r.deduction)) for r in here if r.days_late]
    parts += _section("Late", ("who", "days", "deduction"), late)
    parts += _section("Handed in nothing", ("who",), [(result.shown,) for result in absent])
    notes = [("", note) for note in whole.notes]
    notes += [(graded.submission, note) for graded in grades for note in graded.notes]
    parts += _section("To look at", ("submission", "note"), notes)
    return page(f"{assignment.title}: summary", "\n".join(parts))


def _section(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    return [f"<h2>{title}</h2>", table(heads, rows)] if rows else []


def _totals(assignment: Assignment, here: Sequence[Result]) -> Iterator[str]:
    """The histogram, with a sentence on what it shows."""
    if not here:
        return
    values = [result.total for result in here]
    unmarked = sum(bool(result.unmarked) for result in here)
    mean, middle = sum(values) / len(values), median(values)
    yield "<h2>Totals</h2>"
    words = f"Mean {mean:.1f}, median {points(middle)}, lowest {points(min(values))}, highest {points(max(values))}"
    whose = f"{unmarked} submission{'s' * (unmarked != 1)}"
    left = f" The words of {whose} are not marked yet, and count as 0 so far." if unmarked else ""
    yield f"<p>{words} of {assignment.points} points.{left}</p>"
    yield histogram(values, assignment.points)


def median(values: Sequence[float]) -> float:
    """The middle value, of an even number the mean of the two.

    >>> median([1.0, 5.0, 2.0, 3.0])
    2.5
    """
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def counts(values: Iterable[float], most: float) -> list[int]:
    """How many values each of ten equal parts of 0 to ``most`` holds; the last has the most itself too.

    >>> counts([0, 9.9, 10, 100], 100)
    [2, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    """
    found = Counter(min(max(int(value * BINS / most), 0), BINS - 1) for value in values)
    return [found[i] for i in range(BINS)]


def histogram(values: Sequence[float], most: float) -> str:
    """Ten bars as SVG, in the colour of the text."""
    heights, step = counts(values, most), (WIDTH - 2 * LEFT) / BINS
    tallest = max([*heights, 1])
    words = ", ".join(f"{count} from {points(i * most / BINS)}" for i, count in enumerate(heights) if count)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" class="plot" fill="currentColor" '
        f'font-size="12" text-anchor="middle" aria-label="Histogram of totals: {escape(words)}">'
    ]
    for i, count in enumerate(heights):
        x, high = LEFT + i * step, count / tallest * (BASE - TOP)
        size = f'x="{x + 2:.1f}" y="{BASE - high:.1f}" width="{step - 4:.1f}" height="{high:.1f}"'
        parts.append(f'<rect {size} opacity=".6"/>')
        if count:
            parts.append(f'<text x="{x + step / 2:.1f}" y="{BASE - high - 5:.1f}">{count}</text>')
    parts.append(f'<path d="M{LEFT} {BASE}H{WIDTH - LEFT}" stroke="currentColor"/>')
    for i in range(0, BINS + 1, 2):
        parts.append(f'<text x="{LEFT + i * step:.1f}" y="{BASE + 17}">{points(i * most / BINS)}</text>')
    parts.append(f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 3}">points</text></svg>')
    return "\n".join(parts)


def _code(assignment: Assignment, here: Sequence[Result]) -> list[Sequence[object]]:
    """Of each question in code: how many have all right, their share, the mean of the points, and the most."""
    rows: list[Sequence[object]] = []
    for question in assignment.questions:
        right = sum(result.code.get(question.name, 0.0) >= question.points for result in here)
        mean = sum(result.code.get(question.name, 0.0) for result in here) / max(len(here), 1)
        rows.append((question.name, right, f"{right / max(len(here), 1):.0%}", f"{mean:.1f}", question.points))
    return rows


def _words(assignment: Assignment, here: Sequence[Result]) -> list[Sequence[object]]:
    """Of each question in words: how many are marked, the mean of those, and the most."""
    rows: list[Sequence[object]] = []
    for question in assignment.manual:
        given = [result.words[question.name].points or 0.0 for result in here if question.name in result.words]
        mean = f"{sum(given) / len(given):.1f}" if given else ""
        rows.append((question.name, f"{len(given)} of {len(here)}", mean, question.points))
    return rows


def _mistakes(grades: Sequence[Grade]) -> list[Sequence[object]]:
    """Which recognised mistake how many submissions made, the most frequent first."""
    found = Counter((q.name, mistake) for graded in grades for q in graded.questions for mistake in q.mistakes)
    return [(name, mistake, count) for (name, mistake), count in found.most_common()]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
