"""The command line: parser, output formats, progress and one module per command."""
