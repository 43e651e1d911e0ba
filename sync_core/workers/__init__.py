"""What goes on all the time: fold deliveries, plan, send, look, catch up."""
