"""Tables of several machines become one, and only if they belong together."""

import json
import shutil
from pathlib import Path

import pytest

from companion import cli, learn, results, sweeps
from companion.results import schema

RESULTS = Path(__file__).resolve().parents[1] / "book" / "results"
GRID = [learn.preset("laptop", "digits", steps=5, dense=True, beta=beta) for beta in (0.1, 1.0, 10.0)]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The tables of two machines: the second run stands in both."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    for folder, configs in zip(folders, (GRID[:2], GRID[1:]), strict=True):
        sweeps.sweep(configs, folder, progress=False)
    return [folder / "rates.csv" for folder in folders]


@pytest.fixture
def copies(parts, tmp_path) -> list[Path]:
    """The same, to be changed."""
    for number, table in enumerate(parts):
        for path in (table, table.with_suffix(".json")):
            shutil.copy(path, tmp_path / f"{number}{path.suffix}")
    return [tmp_path / "0.csv", tmp_path / "1.csv"]


def change(table: Path, number: int, **cells: object) -> None:
    """Change cells of one row of a table."""
    rows = results.read_rows(table)
    rows[number] |= cells
    schema.write_rows(table, rows)


def test_two_tables_become_the_one_that_a_single_machine_writes(parts, tmp_path):
    sweeps.sweep(GRID, tmp_path, progress=False)
    for order, tables in ((None, parts), (GRID, [*parts[::-1], parts[0]])):
        out = tmp_path / f"{len(tables)}.csv"
        merged = sweeps.merge(tables, out, order)
        assert out.read_bytes() == (tmp_path / "rates.csv").read_bytes()
        assert merged.rows == results.read_rows(tmp_path / "rates.csv")
        assert merged.repeated == [config.hash for config in (GRID[1], GRID[0])[: len(tables) - 1]]
        assert list(merged.machines.values()) == [3]
    told = json.loads(out.with_suffix(".json").read_text())["runs"]
    assert [learn.Config.of(**run["config"]) for run in told.values()] == GRID


def test_a_merged_table_is_done_with(parts, tmp_path):
    sweeps.merge(parts, tmp_path / "all.csv", GRID)
    before = (tmp_path / "all.csv").read_bytes()
    assert len(sweeps.sweep(GRID, tmp_path, table=tmp_path / "all.csv", progress=False)) == 6
    assert (tmp_path / "all.csv").read_bytes() == before
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", [path.stem for path in sorted(RESULTS.glob("*.toml"))])
def test_every_table_of_the_book_belongs_to_its_grid_and_its_provenance(name, tmp_path):
    merged = sweeps.merge([RESULTS / f"{name}.csv"], tmp_path / "again.csv", sweeps.read_grid(RESULTS / f"{name}.toml"))
    assert merged.rows == results.read_rows(RESULTS / f"{name}.csv")
    assert (tmp_path / "again.csv").read_bytes() == (RESULTS / f"{name}.csv").read_bytes()


def refused(tables: list[Path], message: str, configs: list[learn.Config] | None = None) -> None:
    """The tables are refused in these words, and nothing is written."""
    out = tables[0].with_name("all.csv")
    with pytest.raises(ValueError, match=message):
        sweeps.merge(tables, out, configs)
    assert not out.exists()
    assert not out.with_suffix(".json").exists()


def test_a_run_that_another_machine_found_otherwise_is_refused(copies):
    rate = results.read_rows(copies[1])[0]["rate"]
    change(copies[1], 0, rate=rate + 0.01)  # on the same processor no digit may differ
    refused(copies, f"1.csv: {GRID[1].hash}: expected the rate on validation .* leave one of the two tables out")
    told = json.loads(copies[1].with_suffix(".json").read_text())
    told["runs"][GRID[1].hash]["made_by"]["processor"] = "another"
    copies[1].with_suffix(".json").write_text(json.dumps(told))
    first = copies[0].with_name("all.csv")
    merged = sweeps.merge(copies, first)  # elsewhere a training drifts a little
    assert next(row["rate"] for row in merged.rows if row["config_hash"] == GRID[1].hash) == rate
    assert merged.repeated == [GRID[1].hash]
    first.unlink()
    first.with_suffix(".json").unlink()
    change(copies[1], 0, rate=rate + 20.0)
    refused(copies, f"{GRID[1].hash}: expected the rate on validation")


def test_a_row_that_its_provenance_does_not_tell_of_is_refused(copies):
    change(copies[0], 1, beta=0.2)
    refused(copies, f"0.csv: {GRID[0].hash}: beta: expected 0.1, as its provenance tells, got 0.2")


def test_a_hash_of_another_configuration_is_refused(copies):
    text = copies[0].with_suffix(".json").read_text()
    copies[0].with_suffix(".json").write_text(text.replace('"seed": 0', '"seed": 1'))
    refused(copies, f"{GRID[0].hash}: expected provenance of the run of this hash, got that of ")


def test_half_a_run_and_a_run_without_provenance_are_refused(copies):
    rows = results.read_rows(copies[0])
    schema.write_rows(copies[0], rows[:3])
    refused(copies, f"{GRID[1].hash}: expected one row on each of validation, test, got 1")
    schema.write_rows(copies[0], [*rows, rows[0]])
    refused(copies, f"{GRID[0].hash}: expected one row on each of validation, test, got 3")
    schema.write_rows(copies[0], rows)
    copies[0].with_suffix(".json").unlink()
    refused(copies, f"{GRID[0].hash}: expected its provenance in the JSON beside the table")


def test_runs_of_another_grid_or_kind_and_tables_that_are_not_there_are_refused(copies):
    refused(copies, f"1.csv: {GRID[2].hash}: expected a run of the grid, got another", GRID[:2])
    refused([copies[0], RESULTS / "paths.csv"], "expected all of the same columns, got others in .* and ")
    refused([copies[0].with_name("none.csv")], "none.csv: expected the table of a sweep, found no such file")
    refused([copies[0].with_name("all.csv")], "found no such file")
    copies[0].write_text(copies[0].read_text().splitlines()[0] + "\n")
    refused(copies[:1], "tables: expected one run or more, got 1 tables without any")


def test_a_table_that_is_there_is_replaced_only_by_one_that_holds_its_runs(copies, parts):
    before = copies[0].read_bytes()
    with pytest.raises(ValueError, match=r"out: expected a new table, or one of those that are merged, got .*0\.csv"):
        sweeps.merge(parts, copies[0])
    assert copies[0].read_bytes() == before
    sweeps.merge(copies, copies[0])
    assert {row["config_hash"] for row in results.read_rows(copies[0])} == {config.hash for config in GRID}


def test_the_command_says_what_was_merged_and_what_is_left(parts, tmp_path, capsys):
    grid = tmp_path / "grid.toml"
    grid.write_text('data = "digits"\nsteps = 5\ndense = true\n[[runs]]\nbetas = [0.1, 1.0, 10.0, 30.0]\n')
    out = tmp_path / "all.csv"
    assert cli.main(["merge", *map(str, parts), "--out", str(out), "--grid", str(grid)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{out}: 3 runs, 1 of them in several tables, which agree"
    assert lines[1].startswith("3 by companion ")
    assert lines[2] == f"1 of the 4 runs of {grid} are left"
    assert len(results.read_rows(out)) == 6
