"""The `pql` command: every verb in a module of its own, errors in one line.

Exit code 0 only when the command did what it says. A `PqlError` is printed as it is; anything else
is a defect and keeps its traceback.
"""

from __future__ import annotations

import sys

import typer

from pql_platform.errors import PqlError


def build_app() -> typer.Typer:
    """Return the command line with every verb on it."""
    from pql_platform.cli import (
        backtest,
        breakers,
        calibrate,
        challenger,
        contacted,
        demo,
        dev,
        diff,
        discover,
        doctor,
        explain,
        handoffs,
        ingest,
        init,
        listen,
        promote,
        recalibrate,
        rollout,
        run,
        scores,
        versions,
    )

    app = typer.Typer(
        name="pql",
        help="Find product-qualified leads in product events and hand them to the right rep.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.command(name="demo")(demo.demo)
    app.command(name="ingest")(ingest.ingest)
    app.command(name="run")(run.run)
    app.command(name="scores")(scores.scores)
    app.command(name="explain")(explain.explain)
    app.command(name="handoffs")(handoffs.handoffs)
    app.command(name="contacted")(contacted.contacted)
    app.command(name="listen")(listen.listen)
    app.command(name="doctor")(doctor.doctor)
    app.command(name="dev")(dev.dev)
    app.command(name="breakers")(breakers.breakers)
    app.command(name="challenger")(challenger.challenger)
    app.command(name="init")(init.init)
    app.command(name="discover")(discover.discover)
    app.command(name="calibrate")(calibrate.calibrate)
    app.command(name="backtest")(backtest.backtest)
    app.command(name="versions")(versions.versions)
    app.command(name="promote")(promote.promote)
    app.command(name="rollback")(promote.rollback)
    app.command(name="recalibrate")(recalibrate.recalibrate)
    app.command(name="diff")(diff.diff)
    app.command(name="rollout")(rollout.rollout)
    return app


def main() -> None:
    """Run the command line; a user's error is one line on standard error and exit code 1."""
    app = build_app()
    try:
        app()
    except PqlError as error:
        typer.echo(f"pql: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
