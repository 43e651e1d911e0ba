"""The one face that bot and command line use: `service.Service`."""
