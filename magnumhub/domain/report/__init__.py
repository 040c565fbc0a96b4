"""A check as people read it in Prefect's UI, and as later checks read it there. Pure text, no I/O."""
