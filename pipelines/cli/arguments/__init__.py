"""The options of the commands, a module per command. They import no Beam and no client, so that `--help` is quick."""
