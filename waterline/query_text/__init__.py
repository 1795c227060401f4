"""Queries as text: one grammar for server, command, page and notebook."""
