"""What people type: the grammar of `/tipo`, and the answers."""
