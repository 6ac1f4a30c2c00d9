PYTHON ?= python3
VENV := .venv/bin/python

.PHONY: run probe test check archive test-quick test-extra test-hosts test-slurm test-sweep test-long fuzz chaos soak test-install \
	calibrate study study-runs gpu lint types types-tests format venv

# Sets everything up and runs the benchmark once: on LVIS if it is there, else on the embedded data set.
run: venv
	$(VENV) -m lt_bench run --loss ecm --backbone r50 --schedule 1x

# From nothing to the decoupled tables of glyphs-lt, in work_dirs/leaderboards/glyphs-lt.md: trains one detector, stores
# its RoI features, and trains the classifier alone with every loss and seed, plugins included, in both recipes.
# Interrupted, it goes on when it is given again; finished, it says so.
PROBE_DATA := glyphs-lt
PROBE_ITERS := 600
PROBE_STEPS := 2000
PROBE_SEEDS := 10
# Stored of each image at most, a quarter of them positive: all RoIs that an image of glyphs-lt has.
PROBE_ROIS := 512
# More options of the detector's training.
PROBE_DETECTOR :=
probe: work = work_dirs/$(PROBE_DATA)
probe: venv
	$(VENV) -m lt_bench run --loss ce --dataset $(PROBE_DATA) --recipe plain --max-iters $(PROBE_ITERS) \
		--work-dir $(work)/ce $(PROBE_DETECTOR)
	$(VENV) -m lt_bench features $(work)/ce --out features/$(PROBE_DATA) --rois $(PROBE_ROIS)
	@status=0; for recipe in plain common; do $(VENV) -m lt_bench probe --features features/$(PROBE_DATA) --loss all \
		--seeds $(PROBE_SEEDS) --steps $(PROBE_STEPS) --recipe $$recipe --work-dir $(work)/probe_$$recipe || status=1; \
	done; exit $$status  # a loss that fails in one recipe keeps nothing from running in the other

# Sets everything up and passes the tests, in one process per core; those of a file run in one process, in order.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --durations=15
test: venv lint
	$(VENV) -m pytest $(SIDE_BY_SIDE) -m "not extra"

# The tests that `make test` leaves out for their length: whether the benchmarks run, runs on several machines, and all
# published records. Three minutes of two cores.
test-extra: venv
	$(VENV) -m pytest $(SIDE_BY_SIDE) -m "extra and not hosts"

# Two hosts, simulated with network namespaces, and a link that goes down. 70 s; needs root and `ip`.
test-hosts: venv
	@if [ "$$(id -u)" != 0 ] || ! command -v ip >/dev/null; then \
		echo "test-hosts: left out, since hosts of one's own need root, and ip (Debian's package iproute2)"; exit 0; fi; \
	$(VENV) -m pytest -m hosts -rs tests/run/test_two_hosts.py

# Sweeps on a real SLURM of one node, which is set up for it: as root, with Debian's packages slurmctld, slurmd, slurm-client
# and munge, which are installed where apt-get is. Six minutes, most of them waiting; without the time limit, which CI
# leaves out, three: make test-slurm SLURM_TESTS="not time_limit".
SLURM_TESTS := on_slurm
test-slurm: venv
	@if [ "$$(id -u)" != 0 ] || ! { command -v slurmctld || command -v apt-get; } >/dev/null; then \
		echo "test-slurm: left out, since a SLURM of one's own needs root, and slurmctld or apt-get"; exit 0; fi; \
	command -v slurmctld >/dev/null || apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge \
		>/dev/null || { echo "test-slurm: left out, since apt-get can't install SLURM"; exit 0; }; \
	LT_BENCH_TEST_SLURM=1 $(VENV) -m pytest tests/sweep/test_on_slurm.py -k "$(SLURM_TESTS)"

# A sweep of real runs, of all losses with two seeds each, that is killed twice, against one that nobody disturbed. Ten
# minutes of two cores; with SWEEP_LOSSES=ce,seesaw five minutes.
SWEEP_LOSSES := all
test-sweep: venv
	LT_BENCH_TEST_SWEEP=$(SWEEP_LOSSES) $(VENV) -m pytest tests/cli/test_cli_sweep.py

# Whether the committed pages are what the records give, and whether the records say what their evidence says.
check: venv
	$(VENV) -m lt_bench leaderboard --check
	$(VENV) -m lt_bench verify --all
	$(VENV) -m benchmarks.study --check

# A frozen copy of the leaderboards at this version, once.
archive: venv
	$(VENV) -m lt_bench leaderboard --archive

# What is run often: all tests but those marked slow, the property tests with a fifth of their examples. Nothing is
# trained.
test-quick: venv
	$(VENV) -m pytest -m "not slow and not extra" --hypothesis-profile few

# The property tests with twenty times as many examples, new ones each time.
test-long: venv
	$(VENV) -m pytest tests/losses/test_formulas.py --hypothesis-profile long

# 5,000 small data sets with odd values anywhere in their annotations, new ones each time: what passes `data check` is
# trained on and evaluated as lvis-api does, and all else is reported. Then 10,000 damaged records, evidence files,
# configs, predictions, annotation files and checkpoints each, and as many names: what can't be read is refused in words.
# And 10,000 command lines, of which nothing is trained. Minutes of one core.
fuzz: venv
	$(VENV) -m pytest tests/test_sound_data.py tests/test_untrusted_files.py tests/cli/test_odd_words.py \
		--hypothesis-profile fuzz

# Trainings that are killed at random moments, started again, and compared with undisturbed ones. Half an hour of two cores.
chaos: venv
	$(VENV) -m benchmarks.chaos

# Sweeps whose processes are killed at random for MINUTES, and what is left behind at the end.
MINUTES := 60
soak: venv
	$(VENV) -m benchmarks.soak --minutes $(MINUTES)

# pip install into a new environment with torch and torchvision, without the lock (5.5 GB), and its operators' tests:
# torchvision's, then those compiled from mmcv's files, then both compared.
PLAIN := .venv-plain/bin
test-install:
	$(PYTHON) -m venv --clear .venv-plain
	$(PLAIN)/pip install torch==2.14.1 torchvision==0.29.1
	$(PLAIN)/pip install . pytest hypothesis
	$(PLAIN)/lt_bench doctor --look-only
	cd tests && ../$(PLAIN)/lt_bench losses --check
	$(PLAIN)/pytest tests/operators tests/detector
	cd tests && LT_BENCH_OPERATORS=compiled ../$(PLAIN)/python -m lt_bench.operators
	LT_BENCH_OPERATORS=compiled $(PLAIN)/pytest tests/operators tests/detector

# How often 95 % intervals hold the true value: those of image resamples (docs/calibration.md), which goes on where it was
# interrupted, then those of seeds (docs/calibration_seeds.md). About half an hour of CPU time together.
calibrate: venv
	$(VENV) -m benchmarks.calibration
	$(VENV) -m benchmarks.calibration.seeds

# The runs that the study has beside those of the boards: a grid of schedules in the decoupled tracks, and sampler and
# classifier changed one at a time, on stored FEATURES. Hours of two cores; what is finished is not repeated.
FEATURES ?= features/glyphs-lt
study-runs: venv
	$(VENV) -m benchmarks.study.runs --features $(FEATURES)
	$(VENV) -m benchmarks.study.crossed --features $(FEATURES)

# docs/study.md, from committed records alone.
study: venv
	$(VENV) -m benchmarks.study

# Sets everything up and checks it on the GPU.
gpu: venv
	$(VENV) -m lt_bench selftest --device cuda

lint: venv
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(MAKE) --no-print-directory -j2 types types-tests

types:
	$(VENV) -m mypy

# Tests are checked like the package, but need not annotate every fixture and may reach for what a module imports.
types-tests:
	$(VENV) -m mypy --cache-dir .mypy_cache/tests --allow-untyped-defs --allow-incomplete-defs \
		--allow-untyped-calls --allow-any-generics --no-warn-return-any --implicit-reexport tests examples

format: venv
	$(VENV) -m ruff format .
	$(VENV) -m ruff check --fix .

venv:
	@$(PYTHON) tools/set_up.py
