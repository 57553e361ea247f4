"""The entry point of `stakewire`: registers the groups of commands, nothing else."""

from services.cli import (
    account,
    backoffice,
    catalogue,
    dead_letters,
    demo,
    diagnose,
    explain,
    keys,
    ledger,
    players,
    republish,
    run,
    schema,
    setup,
    stack,
    switches,
    topics,
    wallet,
)
from services.cli.output import HelpfulApp

SERVING, OPERATOR_API, SERVERS, BOOKS = "The stack", "Operator API", "Schema and topics", "The books"

app = HelpfulApp(
    name="stakewire",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    help="""Stakewire: the operator's side of casino game integration.

A provider's signed callback goes gateway -> Kafka -> wallet (PostgreSQL) -> Kafka -> gateway. This command runs all of
it on one machine and looks after its data.

First steps:

    stakewire run              everything in the foreground with demo traffic; Ctrl-C stops it

    stakewire up               the same in the background; repairs what died

    stakewire demo             2,000 rounds with retries and rollbacks, then both sides' books are compared

    stakewire COMMAND --help   what a command does, its options, examples

Settings come from the environment: STAKEWIRE_BASE_PORT moves all ports (default 8080), STAKEWIRE_RUN_DIR the data
(default .run), DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS name servers to use instead of local ones.""",
)

app.command(rich_help_panel=SERVING)(run.run)
app.command(rich_help_panel=SERVING)(stack.up)
app.command(rich_help_panel=SERVING)(stack.down)
app.command(rich_help_panel=SERVING)(stack.status)
app.command(rich_help_panel=SERVING)(demo.demo)
app.command(rich_help_panel=SERVING)(stack.reset)
players.register(app)
diagnose.register(account.app)
app.add_typer(account.app, name="account", rich_help_panel="Providers")
app.add_typer(catalogue.app, name="catalogue", rich_help_panel="Providers")
app.add_typer(keys.app, name="keys", rich_help_panel=OPERATOR_API)
app.add_typer(switches.app, name="switch", rich_help_panel=OPERATOR_API)
app.command(rich_help_panel=SERVERS)(setup.setup)
app.command(rich_help_panel=SERVERS)(schema.migrate)
app.add_typer(topics.app, name="topics", rich_help_panel=SERVERS)
app.add_typer(backoffice.app, name="backoffice", rich_help_panel=SERVERS)
app.command(rich_help_panel=BOOKS)(ledger.verify)
app.command(rich_help_panel=BOOKS)(ledger.seal)
app.command(rich_help_panel=BOOKS)(ledger.archive)
explain.register(wallet.app)
app.add_typer(wallet.app, name="wallet", rich_help_panel=SERVERS)
app.command(rich_help_panel=SERVERS)(republish.republish)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=SERVERS)
