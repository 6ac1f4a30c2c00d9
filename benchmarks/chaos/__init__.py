"""Whether runs that are killed end as if they had not been."""
