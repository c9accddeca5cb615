"""Two processes in one place: locks, and what holds where they meet."""

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing.pool import ThreadPool

import pytest

from companion import learn, results, sweeps
from companion.locks import BusyError, locked
from companion.results import ResultsTable
from companion.signals import Terminated, sigterm_raises, stops_held
from companion.sweeps.sweeping import attempt

SMALL = [learn.preset("laptop", "digits", dense=True, steps=4, beta=beta) for beta in (0.1, 1.0, 10.0)]
HOLD = """
import sys
from pathlib import Path
from companion.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(tmp_path):
    """A folder whose lock another process holds, and that process."""
    folder, pipes = tmp_path / "runs" / SMALL[0].hash, {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, folder / ".lock"], text=True, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield folder, process
        process.kill()


def test_one_at_a_time_is_inside_and_a_thread_may_enter_again(tmp_path):
    file, inside = tmp_path / "new" / ".lock", []

    def add(number):
        with locked(file), locked(file):
            inside.append(number)
            assert len(inside) == 1
            inside.remove(number)

    with ThreadPool(4) as threads:
        threads.map(add, range(20), chunksize=1)
    assert list(file.parent.iterdir()) == []


def test_a_second_train_of_a_run_is_told_in_one_sentence_and_changes_nothing(held):
    folder, _ = held
    with pytest.raises(BusyError, match=rf"^{folder}: another process is at work there: wait until it has ended, or c"):
        learn.train(SMALL[0], out=folder, progress=False)
    with pytest.raises(BusyError):
        sweeps.run(SMALL[0], folder, until=time.monotonic() + 0.1, wait=True, progress=False)
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_the_lock_of_a_killed_process_is_free_and_what_waits_for_it_goes_on(held):
    folder, process = held
    with ThreadPool(1) as threads:
        waiting = threads.apply_async(sweeps.run, (SMALL[0], folder), {"wait": True, "progress": False})
        process.send_signal(signal.SIGKILL)
        rows = waiting.get(60)
    assert [row["split"] for row in rows] == ["validation", "test"]
    assert not (folder / ".lock").exists()


def test_a_finished_run_is_read_where_nothing_can_be_written(tmp_path, monkeypatch):
    rows = sweeps.run(SMALL[0], tmp_path, progress=False)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert sweeps.run(SMALL[0], tmp_path, progress=False) == rows


def test_entries_of_two_writers_are_all_kept(tmp_path, monkeypatch):
    """Each writer, when it has read the table, lets the other one in, as far as the lock allows."""
    rows = {config: sweeps.run(config, tmp_path / config.hash, progress=False) for config in SMALL}
    read = ResultsTable.rows

    def slow(table):
        found = read(table)
        time.sleep(0.05)
        return found

    monkeypatch.setattr(ResultsTable, "rows", slow)
    table = ResultsTable(tmp_path / "rates.csv", SMALL)
    with ThreadPool(3) as threads:
        threads.map(lambda config: table.upsert(rows[config], {config.hash: {"hash": config.hash}}), SMALL, chunksize=1)
    assert results.read_rows(tmp_path / "rates.csv") == [row for config in SMALL for row in rows[config]]
    assert list(json.loads((tmp_path / "rates.json").read_text())["runs"]) == [config.hash for config in SMALL]


def test_a_run_in_other_hands_comes_last_and_is_taken_over(held, tmp_path, monkeypatch):
    entered, upsert = [], ResultsTable.upsert

    def watched(table, rows, facts):
        upsert(table, rows, facts)
        entered.append(rows[0]["beta"])
        if len(entered) == 2:
            held[1].kill()

    monkeypatch.setattr(ResultsTable, "upsert", watched)
    rows = sweeps.sweep(SMALL, tmp_path, progress=False)
    assert entered == [1.0, 10.0, 0.1]
    assert [row["beta"] for row in rows] == [0.1, 0.1, 1.0, 1.0, 10.0, 10.0]


def test_a_run_in_other_hands_is_waited_for_as_long_as_the_budget_lasts(held):
    assert attempt(SMALL[0], held[0], left=60.0, wait=False) == SMALL[0]
    assert attempt(SMALL[0], held[0], left=0.1, wait=True) is None


def test_the_lock_that_a_process_killed_at_its_last_entry_left_is_cleared(tmp_path):
    rows = sweeps.sweep(SMALL[:1], tmp_path, progress=False)
    (tmp_path / ".rates.csv.lock").touch()
    assert sweeps.sweep(SMALL[:1], tmp_path, progress=False) == rows
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rates.csv", "rates.json", "runs"]


def test_a_folder_deleted_while_its_run_trains_is_named(tmp_path):
    def delete(state):
        for path in tmp_path.iterdir():
            path.unlink()

    with pytest.raises(learn.CheckpointError, match=rf"^{tmp_path}: the run's folder was deleted while it trained: "):
        learn.train(SMALL[0], out=tmp_path, progress=False, watch=delete)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_stores_the_present_step(number, tmp_path):
    """The fourth step ends with it; the next call goes on from there, and ends as an undisturbed run does."""
    config, at = SMALL[0].replace(steps=40), []

    def stop(state):
        at.append(state.step)
        signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt) as caught, sigterm_raises():
        learn.train(config, out=tmp_path / "a", progress=False, every=4, watch=stop)
    assert isinstance(caught.value, Terminated) == (number == signal.SIGTERM)
    assert at == [4]
    history = learn.train(config, out=tmp_path / "a", progress=False, every=4).history
    assert history == learn.train(config, out=tmp_path / "b", progress=False, every=4).history


def test_a_second_stop_takes_effect_at_once_and_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    reached = []

    def stop(times):
        with stops_held() as held:
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
                reached.append(list(held))

    for times in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            stop(times)
    assert reached == [[signal.SIGINT], [signal.SIGINT]]
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_weights_that_are_not_finite_are_never_stored(tmp_path):
    """The gradients become NaN in the step at which the time is up, which no validation sees."""
    model = learn.build(SMALL[0], (8, 8))
    for parameter in model.decoder.parameters():
        parameter.register_hook(lambda gradient: gradient * float("nan"))
    message = r"training stopped at step 1: the weight model/decoder\S+ is nan: try"
    with pytest.raises(learn.TrainingError, match=message):
        learn.train(SMALL[0], model=model, out=tmp_path, until=0.0, progress=False, every=4)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
