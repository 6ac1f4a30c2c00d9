"""LVIS AP and more from two JSON files: annotations and predictions. Knows no detector and no torch."""
