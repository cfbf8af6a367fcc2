"""The subcommands: each module has a click command named ``command`` and imports nothing heavy."""
