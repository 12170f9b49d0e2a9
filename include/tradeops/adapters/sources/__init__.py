"""Connectors: where raw records come from."""
