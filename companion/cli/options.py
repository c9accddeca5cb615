"""The words that the command line understands."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

from companion import data, learn
from companion.cli import coding, commands, measuring
from companion.models import FAMILIES
from companion.objectives import OBJECTIVES
from companion.objectives.information import CRITIC_INPUTS

EPILOG = """examples:
  python -m companion data mnist-static
  python -m companion train --data mnist-static --preset laptop --beta 1 --seed 0
  python -m companion sweep --data digits --betas 0.1,0.3,1,3,10 --out runs/digits
  python -m companion sweep --grid book/results/NAME.toml --budget 25m
  python -m companion path --data mnist-static --betas 3,1,0.3,0.1
  python -m companion show runs/digits
"""
WORDS = ", ".join(FAMILIES)
CHANGES = (
    ("--binarise", str, "RULE", f"{', '.join(data.BINARISATIONS)} (default: the set's own)"),
    ("--objective", str, "NAME", f"one of {', '.join(OBJECTIVES)}"),
    ("--weight", float, "W", "of the rate's distance to its target, of the information, or of the penalty"),
    ("--span", float, "S", "one network for all betas from beta / S to beta S (multi_rate)"),
    ("--annealed", bool, None, "raise beta from 0 in the first quarter"),
    ("--width", float, "X", "multiplier of the channels"),
    ("--latent-dim", int, "K", "dimensions of the code"),
    ("--pseudo-inputs", int, "N", "components of the marginal v"),
    ("--conditioned", bool, None, "let the steps of the encoder + see the image"),
    ("--categories", int, "K", "of a one-hot part of the code (default 0: none)"),
    ("--dense", bool, None, "plain networks in place of convolutions"),
    ("--latent-indices", str, "I,J", "dimensions of the code whose information is rewarded"),
    ("--critic-input", str, "WHAT", f"what tells it: {', '.join(CRITIC_INPUTS)}"),
    ("--augmented", bool, None, "turned, scaled, sheared and shifted a little"),
    ("--adversarial", float, "L", "and moved by the worst step of this length"),
    ("--drawn", float, "W", "of the information that a drawing shows of its category (mi_drawn)"),
    ("--balance", float, "B", "of the aggregate's divergence from uniform categories, in units of the weight"),
    ("--hard", bool, None, "show the decoder categories as they are drawn, not relaxed"),
    ("--steps", int, "N", "training steps"),
    ("--epochs", int, "N", "passes over the training images, in place of steps"),
    ("--batch-size", int, "N", "images a step"),
    ("--learning-rate", float, "RATE", "of Adam, before it decays"),
    ("--normalised-gradients", bool, None, "divide each tensor's gradient by its norm"),
    ("--threads", int, "N", "processor threads a run"),
    ("--precision", str, "NAME", "fp32 or bf16"),
    ("--channels-last", bool, None, "memory layout of the convolutions"),
    ("--compile", bool, None, "compile the networks first"),
    ("--device", str, "NAME", "cpu, cuda or mps"),
)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m companion",
        description="Measure what information a variational autoencoder keeps: its rate and its distortion.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = top.add_subparsers(required=True, metavar="COMMAND")

    fetch = parts.add_parser("data", help="list the image sets, or fetch and verify some")
    fetch.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(data.NAMES)}; none lists them all")
    fetch.set_defaults(command=commands.data_command)
    add_train(parts)
    add_sweep(parts)
    add_path(parts)
    add_merge(parts)
    add_evaluate(parts)
    add_measure(parts)
    add_coding(parts)
    draw = parts.add_parser("show", help="draw the plane of a sweep, or the images of a run")
    words = "folder of a sweep or a run, or a table FILE.csv, drawn into the folder FILE"
    draw.add_argument("path", type=Path, metavar="PATH", help=words)
    draw.set_defaults(command=commands.show_command)
    return top


def add_train(parts: Any) -> None:
    """``train``."""
    train = parts.add_parser("train", help="train one model, resuming where it stopped, and measure it")
    train.add_argument("--data", required=True, metavar="NAME", help=f"image set: {', '.join(data.NAMES)}")
    train.add_argument("--beta", type=float, help="weight of the rate, 0 or more (default 1: the ELBO)")
    train.add_argument("--target", type=float, metavar="R", help="rate in nats, for the other objectives")
    train.add_argument("--seed", type=int, help="of weights, batches and draws (default 0)")
    train.add_argument("--family", metavar="NAME", help=f"{WORDS}, written --family=--- (default ---)")
    train.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default runs/HASH)")
    add_run_options(train)
    train.set_defaults(command=commands.train_command)


def add_evaluate(parts: Any) -> None:
    """``evaluate``."""
    evaluate = parts.add_parser("evaluate", help="measure the rate and the distortion of a trained run")
    evaluate.add_argument("run", type=Path, metavar="DIR", help="folder of the run")
    evaluate.add_argument("--split", choices=("train", "validation", "test"), default="test", help="(default test)")
    evaluate.add_argument("--draw-seed", type=int, default=0, help="of the codes drawn (default 0)")
    evaluate.add_argument("--device", default="cpu", help="cpu, cuda or mps (default cpu)")
    evaluate.set_defaults(command=commands.evaluate_command)


def add_measure(parts: Any) -> None:
    """``measure``."""
    own = parts.add_parser("measure", help="measure a model of your own, from a Python file, into a report")
    own.add_argument("model", metavar="FILE.py:FUNCTION", help="returns a VAE (companion.adapters), or it and a loss")
    own.add_argument("--data", required=True, metavar="NAME", help=f"image set: {', '.join(data.NAMES)}")
    own.add_argument("--binarise", metavar="RULE", help="static, threshold, dynamic, grey (default: the set's own)")
    own.add_argument("--scale", type=float, metavar="S", help="divide the pixels by it: 255 for grey ones up to 1")
    own.add_argument("--out", type=Path, metavar="DIR", default=Path("report"), help="folder of the report (report)")
    own.add_argument("--beside", type=Path, metavar="TABLE.csv", help="rows for the plane (default: the book's)")
    own.add_argument("--draw-seed", type=int, default=0, help="of the codes drawn (default 0)")
    own.set_defaults(command=measuring.measure_command)


def add_coding(parts: Any) -> None:
    """``compress`` and ``decompress``."""
    pack = parts.add_parser("compress", help="write images as a file of about -ELBO bits each, by a run's model")
    pack.add_argument("run", type=Path, metavar="DIR", help="folder of the run: its decoder without autoregression")
    pack.add_argument("out", type=Path, metavar="FILE", help="to write")
    which = pack.add_mutually_exclusive_group()
    which.add_argument("--split", choices=("train", "validation", "test"), help="of its data (default test)")
    which.add_argument("--images", type=Path, metavar="FILE.npy", help="binary images of your own, [n, height, width]")
    pack.add_argument("--first", type=int, metavar="N", help="as many of them (default: all)")
    pack.set_defaults(command=coding.compress_command)
    unpack = parts.add_parser("decompress", help="read a file that compress wrote with the same model")
    unpack.add_argument("run", type=Path, metavar="DIR", help="folder of the run")
    unpack.add_argument("file", type=Path, metavar="FILE", help="to read")
    unpack.add_argument("out", type=Path, metavar="FILE.npy", help="to write the images to")
    unpack.set_defaults(command=coding.decompress_command)


def add_sweep(parts: Any) -> None:
    """``sweep``, by a file or by options."""
    sweep = parts.add_parser("sweep", help="train and measure a grid of configurations, or verify its table")
    words = "tables [[runs]] or [[paths]]; rows go to FILE.csv beside it"
    sweep.add_argument("--grid", type=Path, metavar="FILE.toml", help=words)
    sweep.add_argument("--out", type=Path, metavar="DIR", help="folder of the runs (runs/FILE, runs/sweep-NAME)")
    add_workers(sweep)
    sweep.add_argument("--verify", type=int, metavar="N", help="train N rows of the table anew and compare, no more")
    group = sweep.add_argument_group("a grid without a file")
    group.add_argument("--data", metavar="NAME", help=f"image set: {', '.join(data.NAMES)}")
    group.add_argument("--betas", type=floats, metavar="B,B", help="weights of the rate (0.1,0.3,1,3,10)")
    group.add_argument("--targets", type=floats, metavar="R,R", help="rates in nats, for the other objectives")
    add_families(group)
    add_run_options(sweep)
    sweep.set_defaults(command=commands.sweep_command)


def add_path(parts: Any) -> None:
    """``path``, by options; several paths stand in a file, for ``sweep``."""
    path = parts.add_parser("path", help="walk one training through several betas, and measure a branch at each")
    path.add_argument("--data", required=True, metavar="NAME", help=f"image set: {', '.join(data.NAMES)}")
    path.add_argument("--betas", type=floats, required=True, metavar="B,B", help="in the order of the walk: 0.1,0.3,1")
    path.add_argument("--first", type=int, metavar="N", default=2000, help="steps at the first beta (default 2000)")
    path.add_argument("--stay", type=int, metavar="N", default=600, help="steps at each of the others (default 600)")
    path.add_argument("--cooldown", type=int, metavar="N", default=400, help="steps of each branch (default 400)")
    path.add_argument("--out", type=Path, metavar="DIR", help="folder of the runs (runs/path-NAME)")
    add_families(path)
    add_workers(path)
    add_run_options(path, without=("--steps", "--epochs", "--annealed", "--objective", "--weight"))
    path.set_defaults(command=commands.path_command)


def add_merge(parts: Any) -> None:
    """``merge``."""
    merge = parts.add_parser("merge", help="make one table of those of several machines, if they belong together")
    merge.add_argument("tables", nargs="+", type=Path, metavar="TABLE.csv", help="with the JSON of each beside it")
    merge.add_argument("--out", type=Path, required=True, metavar="TABLE.csv", help="the new table")
    merge.add_argument("--grid", type=Path, metavar="FILE.toml", help="that all runs must be of, in its order")
    merge.set_defaults(command=commands.merge_command)


def add_families(group: Any) -> None:
    """Of which families and seeds a grid or a path is."""
    group.add_argument("--seeds", type=integers, metavar="S,S", help="one run each (default 0)")
    group.add_argument("--families", type=names, metavar="F,F", help=f"{WORDS}, written --families=---")


def add_workers(command: argparse.ArgumentParser) -> None:
    """How long, and by how many, the runs are trained."""
    cores = os.cpu_count()
    command.add_argument("--budget", type=seconds, metavar="TIME", help="90s, 25m, 2h: then stop, to go on later")
    command.add_argument("--jobs", type=int, metavar="N", default=cores, help="runs at a time (default: all cores)")
    command.add_argument("--engine", default="joblib", metavar="NAME", help="joblib (default) or dask")
    command.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster that sees the same files")


def add_run_options(command: argparse.ArgumentParser, without: tuple[str, ...] = ()) -> None:
    """The options that training shares with sweeping; one left out keeps the preset's value."""
    command.add_argument("--preset", metavar="NAME", help=f"{' or '.join(learn.PRESETS)} (laptop)")
    group = command.add_argument_group("changes to the preset")
    for name, kind, metavar, text in (change for change in CHANGES if change[0] not in without):
        if kind is bool:
            group.add_argument(name, action="store_true", default=None, help=text)
        else:
            group.add_argument(name, type=kind, metavar=metavar, help=text)


def floats(text: str) -> list[float]:
    """Numbers between commas."""
    return [float(part) for part in text.split(",")]


def integers(text: str) -> list[int]:
    """Whole numbers between commas."""
    return [int(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    """Words between commas."""
    return text.split(",")


def seconds(text: str) -> float:
    """A duration in seconds.

    >>> seconds("25m")
    1500.0
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"expected a time such as 90s, 25m or 2h, got {text!r}")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
