"""The soak in short: every command is disturbed a few times, at points of fixed seeds, and nothing is lost."""

import csv
import random

import pytest

from soak import disturbances
from soak.__main__ import TABLE
from soak.commands import commands
from soak.disturbances import COLUMNS, Tally
from soak.processes import Ended

WRONG = COLUMNS[4:]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The commands, each with what it makes when it is left alone."""
    with commands(tmp_path_factory.mktemp("soak")) as found:
        for name in ("train", "path", "data", "compress"):
            found[name].learn_truth()
        yield found


def clean(tally: Tally, times: int) -> bool:
    row = tally.row()
    return row["times"] == times and row["results"] > 0 and not any(row[name] for name in WRONG)


@pytest.mark.parametrize(("name", "times"), [("train", 2), ("path", 2), ("data", 2), ("compress", 1)])
def test_kills_at_random_points_change_no_byte(found, name, times):
    tally = disturbances.at_random_points(found[name], "killed", times, random.Random(name))
    assert clean(tally, times), tally.row()


def test_a_run_that_is_stopped_says_what_to_do_and_goes_on(found):
    tally = disturbances.at_random_points(found["train"], "SIGTERM", 1, random.Random(0))
    assert clean(tally, 1), tally.row()


def test_bursts_of_nan_leave_a_run_that_goes_on(found):
    """One in the loss and one in its gradient alone."""
    tally = disturbances.with_bursts_of_nan(found["train"], 2, random.Random(0))
    assert clean(tally, 2), tally.row()


def test_no_digit_and_no_end_depends_on_the_clock(found):
    tally = disturbances.with_the_clock_set_back(found["train"], 1)
    assert clean(tally, 1), tally.row()


def test_two_sweeps_in_one_folder_make_one_table(found):
    tally = disturbances.twice_at_once(found["path"], 1)
    assert clean(tally, 2), tally.row()


def test_what_is_lost_doubled_altered_or_left_is_counted(found):
    """The soak itself would see it: of three results one is missing, one is there twice, and one has other bytes."""
    command = disturbances.replace(found["train"], truth=[(("a",), "1"), (("b",), "2"), (("c",), "3")])
    tally = Tally(command, "killed")
    tally.compare([(("a",), "other"), (("b",), "2"), (("b",), "2"), ((".a.0badcafe.part",), "")])
    assert [tally.row()[name] for name in COLUMNS[3:8]] == [3, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("status", "said", "unclear"),
    [
        (1, ("companion: a.csv: it could not be written (full): free space there, then call again",), False),
        (1, ("companion: a.csv: it could not be written",), True),
        (1, ("Traceback (most recent call last):", "companion: call again"), True),
        (1, (), True),
        (-9, (), False),
        (0, ("a warning",), False),
    ],
)
def test_a_message_is_one_sentence_that_says_what_to_do(status, said, unclear):
    assert Ended(status, 0, said).unclear == unclear


def test_the_published_soak_lost_nothing():
    with TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["times"]) for row in rows if row["disturbance"] == "killed") >= 100
    assert {row[name] for row in rows for name in WRONG} == {"0"}
