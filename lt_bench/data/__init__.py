"""Reading and verifying LVIS-format data, and the embedded glyph data set."""
