"""``python -m companion``: fetch data, train, evaluate, sweep and draw from the command line."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from companion import data, learn, measure, show, units
from companion.learn.records import Row, point
from companion.models import FAMILIES, generator

EPILOG = """examples:
  python -m companion data mnist-static
  python -m companion train --data mnist-static --preset laptop --beta 1 --seed 0
  python -m companion sweep --data digits --betas 0.1,0.3,1,3,10 --out runs/digits
  python -m companion show runs/digits
"""
WORDS = ", ".join(FAMILIES)
BETAS = [0.1, 0.3, 1.0, 3.0, 10.0]
ERRORS = (ValueError, OSError, data.DataError, learn.CheckpointError, learn.TrainingError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, 0 or, after one sentence on standard error, 1."""
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except ERRORS as error:
        print(f"companion: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("companion: stopped; train and sweep go on from the last checkpoint when called again", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m companion",
        description="Measure what information a variational autoencoder keeps: its rate and its distortion.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    fetch = commands.add_parser("data", help="list the image sets, or fetch and verify some")
    fetch.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(data.NAMES)}; none lists them all")
    fetch.set_defaults(command=data_command)

    add_training_commands(commands)

    evaluate = commands.add_parser("evaluate", help="measure the rate and the distortion of a trained run")
    evaluate.add_argument("run", type=Path, metavar="DIR", help="folder of the run")
    evaluate.add_argument("--split", choices=("train", "validation", "test"), default="test", help="(default test)")
    evaluate.add_argument("--draw-seed", type=int, default=0, help="of the codes drawn (default 0)")
    evaluate.add_argument("--device", default="cpu", help="cpu, cuda or mps (default cpu)")
    evaluate.set_defaults(command=evaluate_command)

    draw = commands.add_parser("show", help="draw the plane of a sweep, or the images of a run")
    draw.add_argument("folder", type=Path, metavar="DIR", help="folder of a sweep or a run")
    draw.set_defaults(command=show_command)
    return top


def add_training_commands(commands: Any) -> None:
    """``train`` and ``sweep``."""
    train = commands.add_parser("train", help="train one model, resuming where it stopped, and measure it")
    train.add_argument("--beta", type=float, help="weight of the rate, 0 or more (default 1: the ELBO)")
    train.add_argument("--seed", type=int, help="of weights, batches and draws (default 0)")
    train.add_argument("--family", metavar="NAME", help=f"{WORDS}, written --family=--- (default ---)")
    train.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default runs/HASH)")
    add_run_options(train)
    train.set_defaults(command=train_command)

    sweep = commands.add_parser("sweep", help="train and measure a grid of betas and seeds")
    sweep.add_argument(
        "--betas", type=floats, metavar="B,B", default=BETAS, help="weights of the rate (0.1,0.3,1,3,10)"
    )
    sweep.add_argument("--seeds", type=integers, metavar="S,S", default=[0], help="one run each (default 0)")
    sweep.add_argument(
        "--families", type=names, metavar="F,F", default=["---"], help=f"{WORDS}, written --families=---"
    )
    sweep.add_argument("--out", type=Path, metavar="DIR", help="folder of the sweep (default runs/sweep-NAME)")
    sweep.add_argument(
        "--jobs", type=int, metavar="N", default=os.cpu_count(), help="runs at a time (default: the cores here)"
    )
    add_run_options(sweep)
    sweep.set_defaults(command=sweep_command)


def add_run_options(command: argparse.ArgumentParser) -> None:
    """The options that training shares with sweeping; one left out keeps the preset's value."""
    command.add_argument("--data", required=True, metavar="NAME", help=f"image set: {', '.join(data.NAMES)}")
    command.add_argument("--preset", default="laptop", metavar="NAME", help=f"{' or '.join(learn.PRESETS)} (laptop)")
    group = command.add_argument_group("changes to the preset")
    group.add_argument("--binarise", metavar="RULE", help=f"{', '.join(data.BINARISATIONS)} (default: the set's own)")
    group.add_argument("--annealed", action="store_true", default=None, help="raise beta from 0 in the first quarter")
    group.add_argument("--width", type=float, help="multiplier of the channels")
    group.add_argument("--latent-dim", type=int, metavar="K", help="dimensions of the code")
    group.add_argument("--steps", type=int, metavar="N", help="training steps")
    group.add_argument("--batch-size", type=int, metavar="N", help="images a step")
    group.add_argument("--learning-rate", type=float, metavar="RATE", help="of Adam, before it decays")
    group.add_argument("--threads", type=int, metavar="N", help="processor threads a run")
    group.add_argument("--precision", metavar="NAME", help="fp32 or bf16")
    group.add_argument("--channels-last", action="store_true", default=None, help="memory layout of the convolutions")
    group.add_argument("--compile", action="store_true", default=None, help="compile the networks first")
    group.add_argument("--device", help="cpu, cuda or mps")


def floats(text: str) -> list[float]:
    """Numbers between commas."""
    return [float(part) for part in text.split(",")]


def integers(text: str) -> list[int]:
    """Whole numbers between commas."""
    return [int(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    """Words between commas."""
    return text.split(",")


def config(options: argparse.Namespace, **cell: Any) -> learn.Config:
    """The configuration that the options and one cell of a grid name."""
    chosen = {k: v for k, v in vars(options).items() if k in learn.Config.__dataclass_fields__ and v is not None}
    chosen.pop("preset")
    return learn.preset(options.preset, chosen.pop("data"), **chosen, **cell)


def data_command(options: argparse.Namespace) -> None:
    """List the image sets, or load the named ones."""
    for name in options.names or data.NAMES:
        if not options.names:
            print(f"{name:14} {'at hand' if data.available(name) else 'to be fetched':14} {data.SETS[name].source}")
            continue
        images = data.load(name)
        sizes = " / ".join(f"{len(getattr(images, split)):,}" for split in ("train", "validation", "test"))
        side = "x".join(map(str, images.image_shape))
        print(f"{name}: {sizes} images of {side}, {images.binarise}\n  {images.source}\n  licence {images.licence}")


def train_command(options: argparse.Namespace) -> None:
    """Train one run and print its points."""
    chosen = config(options)
    out = options.out or Path("runs") / chosen.hash
    rows = learn.run(chosen, out)
    print_table(rows)
    print(f"written to {out}")


def evaluate_command(options: argparse.Namespace) -> None:
    """Measure a finished run on one split."""
    chosen, model = learn.load_run(options.run, options.device)
    images = data.load(chosen.data, chosen.binarise)
    with learn.threads(chosen.threads):
        print(measure.evaluate(model, getattr(images, options.split), split=options.split, seed=options.draw_seed))


def sweep_command(options: argparse.Namespace) -> None:
    """Train a grid and write its table and its plane."""
    out = options.out or Path("runs") / f"sweep-{options.data}"
    grid = [(f, b, s) for f in options.families for b in options.betas for s in options.seeds]
    configs = [config(options, family=f, beta=b, seed=s) for f, b, s in grid]
    rows = learn.sweep(configs, out, jobs=options.jobs)
    draw_plane(rows, out)
    print_table([r for r in rows if r["split"] == "test"])
    print(f"rates.csv, provenance.json and rd_plane.png are in {out}")


def show_command(options: argparse.Namespace) -> None:
    """Draw what a folder holds."""
    if not (options.folder / "rates.csv").is_file():
        raise ValueError(f"DIR: expected the folder of a finished run or sweep, found no rates.csv in {options.folder}")
    written = [draw_plane(learn.read_rows(options.folder / "rates.csv"), options.folder)]
    if (options.folder / "config.json").is_file():
        written.append(draw_images(options.folder))
    print("\n".join(map(str, written)))


def draw_plane(rows: list[Row], out: Path) -> Path:
    """Write ``rd_plane.png`` of the test rows."""
    chosen = [r for r in rows if r["split"] == "test"]
    figure = show.rd_plane([point(r) for r in chosen], plane_labels(chosen), title=chosen[0]["data"])
    show.save(figure, out / "rd_plane.png")
    return out / "rd_plane.png"


def plane_labels(rows: list[Row]) -> list[str]:
    """Beta of each row, and its family and seed where these vary."""
    texts = {"family": "{}", "beta": "β = {:g}", "seed": "seed {}"}
    varying = [name for name in texts if name == "beta" or len({r[name] for r in rows}) > 1]
    return [" ".join(texts[name].format(r[name]) for name in varying) for r in rows]


def draw_images(folder: Path) -> Path:
    """Write ``images.png``: test images of a run, their reconstructions, and samples of its marginal."""
    chosen, model = learn.load_run(folder)
    test = data.load(chosen.data, chosen.binarise).test
    x = torch.from_numpy(test[np.random.default_rng(0).permutation(len(test))[:10]])
    copies, samples = model.reconstruct(x, generator(0, 0), draws=5), model.generate(10, generator(0, 1), draws=5)
    rows = {"test image": x, "reconstruction": copies[0], "mean of 5": copies.float().mean(0)}
    rows |= {"sample": samples[0], "mean of 5 ": samples.float().mean(0)}
    show.save(show.image_sheet({name: images.numpy() for name, images in rows.items()}), folder / "images.png")
    return folder / "images.png"


def print_table(rows: list[Row]) -> None:
    """Rate, distortion and their sum with one standard error, in nats, and the sum in bits."""
    print(line("data", "family", "beta", "seed", "split", "R", "D", "R + D (nats)", "(bits)"))
    for r in rows:
        pairs = [(r["rate"], r["rate_se"]), (r["distortion"], r["distortion_se"]), (-r["elbo"], r["elbo_se"])]
        pairs.append((units.bits(-r["elbo"]), units.bits(r["elbo_se"])))
        measured = [f"{value:.3f} ± {error:.3f}" for value, error in pairs]
        print(line(r["data"], r["family"], f"{r['beta']:g}", r["seed"], r["split"], *measured))


def line(*cells: object) -> str:
    """One line of the table: words to the left, numbers to the right."""
    widths = (-14, -8, 5, 6, -12, 18, 18, 18, 18)
    return " ".join(f"{cell!s:{'<' if w < 0 else '>'}{abs(w)}}" for cell, w in zip(cells, widths, strict=True)).rstrip()
