"""What runs leave for people in Prefect's UI, as markdown, and what later checks read there. Pure text, no I/O."""
