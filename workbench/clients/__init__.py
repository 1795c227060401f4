"""Programs that talk to a server from outside: they push logs, send files, follow."""
