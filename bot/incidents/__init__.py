"""What an alert is: one incident from its first notification to its end, and where it is told."""
