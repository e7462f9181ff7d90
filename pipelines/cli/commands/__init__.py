"""One module a command of the command line, with its options and what it prints; `pipelines/cli/main.py` lists them."""
