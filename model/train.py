"""Trains a Knowledge-CLIP, or a CLIP, on the graph.

    python -m model.train --store URI --runs DIR --objective clip --name clip
    python -m model.train --store URI --runs DIR --init DIR/clip --name knowledge-clip

The run is a folder (model/track.py). Ctrl-C writes a checkpoint and ends; --resume auto goes on from the last one.
On several GPUs, or several CPUs: torchrun --nproc-per-node 2 -m model.train ... (model/distributed.py).
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from kgstore.command import INTERRUPTED, WrongCall, run_command
from model.card import write_card
from model.checkpoint import keep_checkpoints, save_checkpoint
from model.config_file import parsed
from model.device import usable_device
from model.distributed import ALONE, Processes, processes
from model.going_on import go_on
from model.prepare import Job, begin, open_job, run_folder
from model.reporting import reporting
from model.run_log import Log, Report
from model.schedule import set_rates
from model.selection import Selection
from model.step import backward
from model.stop_request import StopRequest
from model.track import Run, RunWriter, mark_best
from model.train_flags import arguments


def train(
    job: Job,
    run: RunWriter | None,
    selection: Selection,
    *,
    stopping: Callable[[], bool] = lambda: False,
    report: Report | None = None,
    own: Processes = ALONE,
) -> int:
    """Trains until all steps are done, or `stopping`, or `selection` gives up; returns how many steps are done.

    Steps of batches count from 0. A batch comes in the parts of this process, of which a step without accumulation has
    one (model/cut.py). Of several processes only the first has a `run` to write.
    """
    model, optimizer, average, config = job.model, job.optimizer, job.average, job.config
    log = Log(run, config, job.stream, report, job.device.type == "cpu") if run else None
    done = job.step
    model.train()
    for step, parts in job.stream:
        rate = set_rates(optimizer, config, step)
        optimizer.zero_grad()
        terms = backward(model, [part.to(job.device) for part in parts], config, step, job.teacher, own)  # Eq. 14
        if config.clip_grad:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_grad)
        optimizer.step()
        model.clamp_temperatures()
        if average:
            average.update(model, step)

        done = step + 1
        better = False
        if log:
            log.add(done, terms, config.batch_size, rate)
        if log and job.validation and (done % config.eval_every == 0 or done == config.steps):
            found = job.validation.measure(average.model if average else model, done)
            better = selection.note(done, log.measured(found))
        last = done == config.steps or own.any(stopping() or selection.over)
        saves = last or better or done % config.save_every == 0
        if log and (saves or done % config.log_every == 0):
            log.write()  # first: a killed run would go on without these rows, a diverged one be saved
        if log and saves:
            save_checkpoint(
                job.directory, done, model, optimizer, config.keep, average.model if average else None, selection.best
            )
        if last:
            break
    if log:
        log.close()
    return done


def main(argv: Sequence[str] | None = None) -> int:
    with processes() as own, ExitStack() as opened:
        with own.quiet():
            args = parsed(arguments(), argv)
        if args.threads < 0:
            raise WrongCall(f"--threads is {args.threads} but must be 0 or more.")
        if args.threads:
            torch.set_num_threads(args.threads)
        device = own.device(usable_device(args.device))
        directory = own.shared(lambda: written_run(args, device, own))
        with own.first_before_others():
            job = opened.enter_context(open_job(directory, args.images, device, own))
        return lead(job, own) if own.first else follow(job, own)


def written_run(args: Namespace, device: str, own: Processes) -> Path:
    """The folder of a new run, or of one that may go on as it is called."""
    directory = run_folder(args)
    if (directory / "config.json").exists():
        go_on(directory, args)
    else:
        begin(directory, args, device, own)
    return directory


def lead(job: Job, own: Processes) -> int:
    """Trains, writes the run folder and says how it went; the exit status."""
    directory, config = job.directory, job.config
    writer = RunWriter(directory).begin(config.steps, job.step)
    selection = Selection(config.select, config.patience, Run(directory).metrics().rows)
    mark_best(directory, selection.best)
    if own.shared(lambda: job.step >= config.steps or selection.over):
        last = directory / "checkpoints" / f"step-{job.step}"
        keep_checkpoints(directory, last, config.keep, selection.best)  # it may have been killed before it did
        if Run(directory).status.state != "finished":
            writer.say(state="finished")
        print(f"Run {directory} is finished: {job.step} steps. {selection.verdict}".rstrip(), file=sys.stderr)
        return 0
    with StopRequest() as stop, writer as run, reporting(config, directory, job.step) as report:
        write_card(directory)
        done = train(job, run, selection, stopping=stop, report=report, own=own)
        stopped = done < config.steps and not selection.over
        if stopped:
            run.say(state="stopped", message=f"Stopped at step {done}.")
        elif selection.over:
            run.say(state="finished", message=selection.verdict)
    write_card(directory)
    if stopped:
        checkpoint = directory / "checkpoints" / f"step-{done}"
        print(f"Stopped at step {done}, saved in {checkpoint}. Go on with --resume auto.", file=sys.stderr)
        return INTERRUPTED
    if selection.verdict:
        print(selection.verdict, file=sys.stderr)
    print(directory)
    return 0


def follow(job: Job, own: Processes) -> int:
    """Takes the steps that the first process takes, and writes and says nothing."""
    if not own.shared(lambda: False):  # whether the run is finished, as the first process knows
        with StopRequest() as stop:
            train(job, None, Selection(job.config.select, 0, []), stopping=stop, own=own)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
