"""Put the parts together, and serve. A command imports the module that it needs, and no other."""
