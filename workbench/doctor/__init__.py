"""Doctor: what is wrong with a data folder, its server and what is around them; a file a kind."""
