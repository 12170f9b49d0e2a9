"""Long-running processes: a loop around a use case that does one unit."""
