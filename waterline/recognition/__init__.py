"""What lines and objects of other programs say: time, level, message, attributes. No I/O."""
