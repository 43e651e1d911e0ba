"""What people fill in: forms that open over Slack, their pages and submissions."""
