"""What goes over the network between a remote workbench and the process that answers it."""
