"""Trains a Knowledge-CLIP, or a CLIP, on the graph.

    python -m model.train --store URI --runs DIR --objective clip --name clip
    python -m model.train --store URI --runs DIR --init DIR/clip --name knowledge-clip

The run is a folder (model/track.py). Ctrl-C writes a checkpoint and ends; --resume auto goes on from the last one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import torch

from kgstore.command import INTERRUPTED, WrongCall, run_command
from model.card import write_card
from model.checkpoint import save_checkpoint
from model.config_file import parsed
from model.device import usable_device
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
    run: RunWriter,
    selection: Selection,
    *,
    stopping: Callable[[], bool] = lambda: False,
    report: Report | None = None,
) -> int:
    """Trains until all steps are done, or `stopping`, or `selection` gives up; returns how many steps are done.

    Steps of batches count from 0. A batch comes in its parts, of which a step without accumulation has one
    (model/cut.py).
    """
    model, optimizer, average, config = job.model, job.optimizer, job.average, job.config
    log = Log(run, config, job.stream, report)
    done = job.step
    model.train()
    for step, parts in job.stream:
        rate = set_rates(optimizer, config, step)
        optimizer.zero_grad()
        terms = backward(model, [part.to(job.device) for part in parts], config, step, job.teacher)  # Eq. 14
        if config.clip_grad:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_grad)
        optimizer.step()
        model.clamp_temperatures()
        if average:
            average.update(model, step)

        done = step + 1
        log.add(done, terms, config.batch_size, rate)
        better = False
        if job.validation and (done % config.eval_every == 0 or done == config.steps):
            found = job.validation.measure(average.model if average else model, done)
            better = selection.note(done, log.measured(found))
        last = done == config.steps or stopping() or selection.over
        saves = last or better or done % config.save_every == 0
        if saves or done % config.log_every == 0:
            log.write()  # first: a killed run would go on without these rows, a diverged one be saved
        if saves:
            save_checkpoint(
                run.directory, done, model, optimizer, config.keep, average.model if average else None, selection.best
            )
        if last:
            break
    log.close()
    return done


def main(argv: Sequence[str] | None = None) -> int:
    args = parsed(arguments(), argv)
    if args.threads < 0:
        raise WrongCall(f"--threads is {args.threads} but must be 0 or more.")
    if args.threads:
        torch.set_num_threads(args.threads)
    device = usable_device(args.device)
    directory = run_folder(args)
    if (directory / "config.json").exists():
        go_on(directory, args)
    else:
        begin(directory, args, device)
    with open_job(directory, args.images, device) as job:
        config = job.config
        writer = RunWriter(directory).begin(config.steps, job.step)
        selection = Selection(config.select, config.patience, Run(directory).metrics().rows)
        mark_best(directory, selection.best)
        if job.step >= config.steps or selection.over:
            if Run(directory).status.state != "finished":
                writer.say(state="finished")
            print(f"Run {directory} is finished: {job.step} steps. {selection.verdict}".rstrip(), file=sys.stderr)
            return 0
        with StopRequest() as stop, writer as run, reporting(config, directory, job.step) as report:
            write_card(directory)
            done = train(job, run, selection, stopping=stop, report=report)
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


if __name__ == "__main__":
    sys.exit(run_command(main))
