"""Slack: the team's face."""
