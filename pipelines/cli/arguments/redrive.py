"""The options of the command `redrive`."""

from pipelines.command_options.redrive import add_arguments as add_arguments

HELP = "Repair dead letters by rules and send them again; repaired messages are validated again."
