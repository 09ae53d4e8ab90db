"""The only modules that import a peer."""
