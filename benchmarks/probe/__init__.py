"""What a loss and a seed cost on stored features."""

DATASET = "glyphs-lt"  # at whose size the peer is measured
