"""How far cheap orders of losses agree with dear ones: the runs of the study, and the page made of their records."""

from benchmarks.common import CHECKOUT

STUDY = CHECKOUT / "leaderboards" / "study"  # the runs that are the study's alone
