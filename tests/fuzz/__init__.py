"""What no store and no Slack would send, by the hundred: nothing of it may be Tipo's fault."""
