"""What makes parts of the documents: tables, diagrams, pictures."""
