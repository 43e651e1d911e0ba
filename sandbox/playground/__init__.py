"""The playground: `tipo playground`, one local page on which everything can be tried."""
