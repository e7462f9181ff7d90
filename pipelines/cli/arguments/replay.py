"""The options of the command `replay`."""

from pipelines.command_options.replay import add_arguments as add_arguments

HELP = "Process a range again, from the archive or the event store, into the live tables or into separate datasets."
