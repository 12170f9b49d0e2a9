"""`python -m tradeops.entrypoints.command_line`."""

from tradeops.entrypoints.command_line.main import main

main()
