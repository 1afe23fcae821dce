"""bootwright start"""

from __future__ import annotations

import click

from bootwright.cli import loop, machines, names, screen
from bootwright.cli.boot_options import check_timeout
from bootwright.cli.run import Session, describe
from bootwright.images import image as images
from bootwright.kernels import kernel as kernels
from bootwright.machine import folder as folders
from bootwright.machine.booting import default_timeout_s
from bootwright.machine.trial import Choice
from bootwright.timeline.phases import START
from bootwright.timeline.recorder import Recorder


@click.command("start", epilog="Example: bootwright start web")
@click.argument("name", shell_complete=names.machines)
@click.option("--timeout", type=float, metavar="SECONDS", help="How long the start-up may take.")
@click.option("--json", "as_json", is_flag=True, help="Print the phases as JSON.")
@click.pass_obj
def command(entered_ns: int, name: str, timeout: float | None, as_json: bool) -> None:
    """Start a kept machine again, with its disk as it left it."""
    check_timeout(timeout)
    home = machines.home()
    spec = folders.find(home, name).spec()
    choice = Choice(
        accelerator=spec.recipe.accelerator, reason="kept from when the machine was made"
    )
    if not as_json:
        screen.say(describe(spec, choice))
    recorder = Recorder()
    recorder.mark(START, entered_ns)
    timeout_s = timeout or default_timeout_s(spec.recipe)
    session = Session(home, spec, recorder, timeout_s, quiet=as_json)
    try:
        exit_status = loop.run(session.full((), detach=True, again=True))
    finally:
        image, kernel = spec.recipe.image, spec.recipe.kernel
        session.remember(
            "start",
            image=images.shelf(home).name_of(image) if image else None,
            kernel=kernels.shelf(home).name_of(kernel),
        )
    if as_json:
        screen.print_json(session.result(choice, exit_status))
    else:
        click.echo(name)
