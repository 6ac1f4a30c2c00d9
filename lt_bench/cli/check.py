"""`lt_bench check`: the conformance check of losses."""

from __future__ import annotations

import sys

import click

from lt_bench.errors import UserError


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Every installed loss; a broken plugin counts as failed.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Of the synthetic batches."
)
@click.option("--only", multiple=True, metavar="CHECK", help="Run this check alone; can be repeated.")
@click.option("--json", "to_json", is_flag=True, help="Print JSON instead of tables.")
def check(names: tuple[str, ...], every: bool, seed: int, only: tuple[str, ...], to_json: bool) -> None:
    """Check losses before days of training, on synthetic statistics from one class to LVIS scale.

    Gradient against finite differences, half precision against float64, batches without RoIs or foreground, extreme
    logits, order, repetition and random draws, scores, checkpoints, two ranks, another device, arguments, files and
    network, and the cost against ce. A failure comes with its smallest case and the command that shows it again.

    Exits with 1 if a check fails.
    """
    import json

    from lt_bench.api.registry import list_losses, load_loss
    from lt_bench.testing.report import as_json, report
    from lt_bench.testing.suite import run_checks

    if bool(names) == every:
        raise UserError("no loss is named" if not names else "NAME and --all exclude each other", "give one of them")
    infos = {info.name: info.problem for info in list_losses(load=True)} if every else dict.fromkeys(names)
    classes = {name: load_loss(name) for name, problem in infos.items() if problem is None}
    found: dict[str, object] = {}
    failed = False
    for name, problem in infos.items():
        results = run_checks(classes[name], seed, only) if problem is None else []
        failed |= problem is not None or any(result.status == "failed" for result in results)
        found[name] = {"problem": problem, "checks": as_json(results)}
        if not to_json:
            again = f"python -m lt_bench check {name} --seed {seed} --only {{check}}"
            click.echo(report(name, results, again) if problem is None else f"{name}: BROKEN: {problem}")
    if to_json:
        click.echo(json.dumps({"seed": seed, "losses": found}, indent=2))
    if failed:
        sys.exit(1)
