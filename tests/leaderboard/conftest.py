from finished_run import copied, finished, finished_probe
from leaderboard_fixtures import make_record, publish

__all__ = ["copied", "finished", "finished_probe", "make_record", "publish"]
