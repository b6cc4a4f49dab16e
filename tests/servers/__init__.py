"""Throw-away servers for tests, demo and benchmarks. Standard library only."""
