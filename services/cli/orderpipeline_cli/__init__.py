"""The command line: `orderpipeline`, and the same as a kubectl plugin, `kubectl orderpipeline`."""
