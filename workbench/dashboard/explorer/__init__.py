"""The explorer of the page: what is asked, the searches for it, and the parts that show them."""
