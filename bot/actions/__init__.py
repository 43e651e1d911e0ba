"""What people click: the buttons of messages, and what comes of a decision."""
