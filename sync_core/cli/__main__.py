"""`python -m sync_core.cli`, where no console script is installed."""

from sync_core.cli import main

main()
