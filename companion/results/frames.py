"""Committed tables as tidy pandas frames: a line a run and split, typed columns; the best runs, and runs made alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from companion.exact import excess
from companion.results.schema import OLD_COLUMNS, WORDS

#: What makes two runs of different families alike in all else.
ALIKE = ("beta", "annealed", "seed", "steps", "objective", "target")
#: What the runs of one comparison share, where it is asked which of them have arrived.
COMPARED = ("family", "data", "binarise", "preset", "split")
JUDGED = ("beta", "rate", "distortion", "rate_se", "distortion_se", "elbo_se")  # what it takes to tell
BEATEN_NATS, BEATEN_ERRORS = 1.0, 3.0  # by more than both: not arrived
MATCHED = "_matched"  # what the columns of the second run of a pair end in


def load(name: str | Path) -> pd.DataFrame:
    """A table of results, by the name of a committed one, such as ``"mnist"``, or by the path of a CSV file.

    A name is looked for as ``results/NAME.csv`` and ``book/results/NAME.csv`` in the current folder and all above it.
    Numbers are read to the last digit, flags are bools, an empty cell is NaN, and columns with an earlier name
    have today's; information is in nats. A table that says what ``arrival`` asks for has its columns as well, so a
    picture or a page knows which trainings have come to their end.

    Raises ``ValueError`` where there is no such table.

    >>> load("mnist").query("family == '-+v' and split == 'test'")["rate"].max().round(1)
    np.float64(115.9)
    """
    path = Path(name)
    if path.suffix != ".csv":
        here = Path.cwd()
        places = [folder / each for folder in (here, *here.parents) for each in ("results", "book/results")]
        path = next((found for place in places if (found := place / f"{name}.csv").is_file()), path)
    if not path.is_file():
        raise ValueError(f"name: expected a table in book/results or the path of a CSV file, got {str(name)!r}")
    words = dict.fromkeys([*WORDS, *(old for old, new in OLD_COLUMNS.items() if new in WORDS)], str)
    try:
        frame = pd.read_csv(path, dtype=words, engine="python", keep_default_na=False, na_values=[""])
    except ValueError as error:  # no text, or no table
        raise ValueError(f"{path}: expected a table as CSV, got other text: {str(error).strip()}") from error
    frame = frame.rename(columns=OLD_COLUMNS)
    if not {*JUDGED, *COMPARED} <= {*frame}:
        return frame
    if wrong := [name for name in JUDGED if not pd.api.types.is_numeric_dtype(frame[name])]:
        raise ValueError(
            f"{path}: expected numbers in the columns {', '.join(JUDGED)}, got words as {', '.join(wrong)}"
        )
    return arrival(frame)


def records(rows: pd.DataFrame | Iterable[Mapping[str, Any]], needed: Sequence[str] = ()) -> list[Mapping[str, Any]]:
    """The lines of a frame as dicts, NaN as None; other rows are passed on as they are.

    Raises ``ValueError`` where keys are ``needed``: without rows, and for one that lacks some.

    >>> records(pd.DataFrame({"beta": [1.0, None]}))
    [{'beta': 1.0}, {'beta': None}]
    """
    if isinstance(rows, pd.DataFrame):
        rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    rows = list(rows)
    if needed and not rows:
        raise ValueError("rows: expected at least one row, got none")
    for row in rows:
        if missing := [name for name in needed if name not in row]:
            raise ValueError(f"rows: expected the keys {', '.join(needed)}, got a row without {', '.join(missing)}")
    return rows


def best_by_validation(
    frame: pd.DataFrame,
    by: str | Sequence[str] = "family",
    score: str | Callable[[pd.DataFrame], pd.Series] = "elbo",
    split: str = "test",
) -> pd.DataFrame:
    """Of each group the run with the largest score on the validation split, as it is on ``split``; indexed by group.

    Args:
        by: the columns whose values make a group
        score: a column, or what gives one from the validation rows, such as ``lambda f: -f.distortion - f.beta *
            f.rate``

    A choice on the split that is reported would report luck as quality; this one leaves the test split unseen.

    Raises ``ValueError`` for columns that are missing, and for a run chosen that has no row, or several, on ``split``.

    >>> frame = pd.DataFrame({"family": "---", "config_hash": list("abab"), "elbo": [-3.0, -2.0, -1.0, -4.0]})
    >>> best_by_validation(frame.assign(split=["validation"] * 2 + ["test"] * 2))["elbo"]["---"]
    np.float64(-4.0)
    """
    keys = [by] if isinstance(by, str) else list(by)
    _check(frame, *keys, "split", "config_hash", *([score] if isinstance(score, str) else []))
    valid = frame[frame["split"] == "validation"]
    scores = valid[score] if isinstance(score, str) else score(valid)
    best = valid.loc[scores.groupby([valid[key] for key in keys], sort=False).idxmax()]
    reported = frame[frame["split"] == split]
    found = reported[reported["config_hash"].isin(best["config_hash"])].set_index(keys)
    if len(found) != len(best) or not found.index.is_unique:
        raise ValueError(f"frame: expected one row on {split} for each of {len(best)} runs, got {len(found)}")
    return found.reindex(best.set_index(keys).index)


def matched_pairs(
    frame: pd.DataFrame, treated: pd.Series, control: pd.Series, on: Sequence[str] = ALIKE
) -> pd.DataFrame:
    """Each treated run beside the control that agrees with it in all of ``on``; those without one are left out.

    Args:
        treated, control: which rows of ``frame`` are which, as booleans
        on: the columns to agree in; two empty cells agree

    The columns of the control end in ``_matched``; lines are in the order of the treated runs. One difference of a
    pair, such as ``pairs.rate - pairs.rate_matched``, is free of what both runs share.

    Raises ``ValueError`` for columns that are missing, and where two controls agree with one another in all of ``on``.

    >>> frame = pd.DataFrame({"weight": [0.0, 5.0, 5.0], "seed": [1, 1, 2], "rate": [20.0, 16.0, 15.0]})
    >>> pairs = matched_pairs(frame, frame.weight > 0, frame.weight == 0, on=["seed"])
    >>> (pairs.rate - pairs.rate_matched).tolist()
    [-4.0]
    """
    _check(frame, *on)
    controls = frame[control]
    if (twice := controls.duplicated(list(on))).any():
        raise ValueError(f"control: expected one row for each of {', '.join(on)}, got {twice.sum()} more")
    return frame[treated].merge(controls, on=list(on), suffixes=("", MATCHED))


def matched_run(rows: Iterable[Mapping[str, Any]], family: str, like: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first of ``rows`` of another ``family`` that agrees with ``like`` in all of ``ALIKE``, or None.

    >>> rows = [dict.fromkeys(ALIKE, 1) | {"family": family} for family in ("---", "--v")]
    >>> matched_run(rows, "--v", rows[0])["family"]
    '--v'
    """
    alike = (row for row in rows if row["family"] == family and all(row[name] == like[name] for name in ALIKE))
    return next(alike, None)


def arrival(frame: pd.DataFrame, by: Sequence[str] = COMPARED) -> pd.DataFrame:
    """``frame`` with the columns ``excess``, ``excess_se`` and ``arrived``: has each training come to its end?

    ``excess`` says by how many nats a run's D + beta R, at its own beta, is above that of the best other run of its
    group (``companion.exact.excess``). A run that is beaten by more than 1 nat and more than 3 standard errors has not
    arrived: the other model would have served its own objective better. One that passes may still be far from the
    optimum, where all of its group are. Where ``config_hash`` names the runs, one that is beaten on any split has not
    arrived on any: it is the training that arrives, and the splits differ only in how sharply they tell.

    Args:
        by: the columns whose values make a group

    Runs of other objectives than beta * R have no excess; they arrive by default, and others are compared with them.

    >>> frame = pd.DataFrame({"beta": [1.0, 3.0], "rate": [20.0, 10.0], "distortion": [70.0, 112.0], "family": "---"})
    >>> frame = arrival(frame.assign(rate_se=0.1, distortion_se=0.1, elbo_se=0.2), by=["family"])
    >>> frame[["excess", "arrived"]].values.tolist()
    [[-32.0, True], [12.0, False]]
    """
    _check(frame, *JUDGED, *by)
    index, frame = frame.index, frame.reset_index(drop=True)  # labels may repeat, where tables were put together
    said = frame["objective"] if "objective" in frame else pd.Series("beta_vae", frame.index)
    betas = frame["beta"].where(said.fillna("beta_vae") == "beta_vae")  # a path does not say: it has no other
    judged = frame.assign(excess=nan, excess_se=nan)
    for _, group in frame.groupby(list(by), sort=False):
        points = (group[name] for name in ("rate_se", "distortion_se", "elbo_se"))
        found = excess(group["rate"], group["distortion"], betas[group.index], *points)
        judged.loc[group.index, ["excess", "excess_se"]] = np.transpose(found)
    beaten = (judged["excess"] > BEATEN_NATS) & (judged["excess"] > BEATEN_ERRORS * judged["excess_se"])
    if "config_hash" in frame:
        beaten = beaten.groupby(frame["config_hash"], dropna=False).transform("any")
    return judged.assign(arrived=~beaten).set_axis(index)


def _check(frame: pd.DataFrame, *columns: str) -> None:
    if missing := [name for name in columns if name not in frame]:
        raise ValueError(f"frame: expected the columns {', '.join(columns)}, got none of {', '.join(missing)}")
