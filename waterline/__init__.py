"""What both halves stand on: what a log is, how it is stored, archived and measured."""
