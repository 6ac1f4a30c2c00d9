from __future__ import annotations

from click.testing import CliRunner

from benchmarks.calibration import rank_agreement


def test_it_prints_a_row_for_each_setting() -> None:
    done = CliRunner().invoke(rank_agreement.main, ["--repetitions", "2", "--seeds", "2"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    rows = done.output.splitlines()[1:]
    assert len(rows) == 1 + (len(rank_agreement.STEPS) - 1) * len(rank_agreement.ORDERS)
    row = rank_agreement.coverage(rank_agreement.LEVELS["1"], rank_agreement.ORDERS["reverse"], 3.0, 2, 2)
    assert rows[-1].startswith("reverse     3.0 -1.00") and f"{row['tau']:.2f}" in rows[-1]
