from finished_run import copied, finished, finished_probe
from leaderboard_fixtures import make_record, publish
from stored_records import remembered, stored, submitted, submitted_probe

__all__ = [
    "copied",
    "finished",
    "finished_probe",
    "make_record",
    "publish",
    "remembered",
    "stored",
    "submitted",
    "submitted_probe",
]
