"""The options of the command `stream`."""

from pipelines.command_options.stream import add_arguments as add_arguments

HELP = "Run the streaming pipeline on Pub/Sub subscriptions until it is stopped; PUBSUB_EMULATOR_HOST is respected."
