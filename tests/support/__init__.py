"""What tests share: real processes, sockets and browsers to talk to."""
