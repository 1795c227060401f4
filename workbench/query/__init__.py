"""Questions: what is asked, and one answer over hot rows and archives."""
