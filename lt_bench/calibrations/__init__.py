"""The built-in calibrations, one file each. They are found through entry points, as those of plugins are."""
