"""Rules broken on purpose: each break must be noticed."""
