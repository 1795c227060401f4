"""Bulk decoder: frames and bodies as logs, checked together and encoded for the writer."""
