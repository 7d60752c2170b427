"""`firstbell backup run`, `list`, `verify`, `restore` and `prune`: the engine that the instances run, run here."""

from typing import Any

import typer

from cli.options import examples

EXAMPLES = examples(
    "firstbell backup run /var/moodledata --site campus --store s3://backups/campus --hashes mdl_files.csv",
    "firstbell backup list --store s3://backups/campus",
    "firstbell backup verify --store s3://backups/campus --confidence 0.95 --new",
    "firstbell backup restore /var/restored 20261124T031500Z --store s3://backups/campus --owner www-data",
    "firstbell backup restore /var/moodledata --repair --store s3://backups/campus",
    "firstbell backup prune --store s3://backups/campus --timezone Europe/Berlin",
)

app = typer.Typer(
    help="Back up a Moodle's files and bring them back; `firstbell backup run --help` shows a command's options.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_TO_THE_ENGINE: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command(context_settings=_TO_THE_ENGINE)
def run(context: typer.Context) -> None:
    """Copy what is new of a moodledata and publish a set."""
    _engine("run", context)


@app.command("list", context_settings=_TO_THE_ENGINE)
def list_sets(context: typer.Context) -> None:
    """Show the sets of a store."""
    _engine("list", context)


@app.command(context_settings=_TO_THE_ENGINE)
def verify(context: typer.Context) -> None:
    """Prove that a set is in the store: by its listing, by checksums, by reading it again."""
    _engine("verify", context)


@app.command(context_settings=_TO_THE_ENGINE)
def restore(context: typer.Context) -> None:
    """Bring a set, or some of its files, back into a directory."""
    _engine("restore", context)


@app.command(context_settings=_TO_THE_ENGINE)
def prune(context: typer.Context) -> None:
    """Remove what retention lets go; without --yes it is only said."""
    _engine("prune", context)


def _engine(command: str, context: typer.Context) -> None:
    """Hand the arguments on; the engine's exit code is ours."""
    from firstbell.backup.engine.cli import main

    raise typer.Exit(main([command, *context.args]))
