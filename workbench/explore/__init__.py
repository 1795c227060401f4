"""What the page asks: rows by place, counts by step of time, and fields of matching logs."""
