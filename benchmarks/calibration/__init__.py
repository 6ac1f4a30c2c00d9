"""Whether the intervals of a comparison hold what they promise, on generated detectors whose difference is known."""
