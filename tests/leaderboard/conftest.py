from leaderboard_fixtures import make_record, publish

__all__ = ["make_record", "publish"]
