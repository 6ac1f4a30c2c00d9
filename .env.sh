export PYTHONPATH=/work/l15a/.site:/work/l15a:$PYTHONPATH OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
PY=/work/main/.venv/bin/python
