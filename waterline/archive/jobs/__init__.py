"""Jobs that change or check archives, each in a process of its own or by hand."""
