"""Plan: how long the disk lasts, what archives cost, what is refused first; from measurements."""
