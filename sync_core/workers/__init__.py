"""What goes on all the time: process deliveries, plan, send, look, catch up."""
