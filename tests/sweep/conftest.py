"""Puts the folder of these tests where they find each other's modules."""
