"""lt_bench's detector beside stock mmdet."""
