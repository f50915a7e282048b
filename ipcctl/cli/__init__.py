"""The command line: one file per command, options to call to render. Exit codes live here."""
