#!/bin/sh
# Collects into wheels/ what a machine without network needs beside its torch, numpy and Pillow (see docs/gpu.md).
#
#   tools/carry.sh [NAME...]          NAME: further packages of requirements.txt that are missing there
#   PYTHON_VERSION=3.11 tools/carry.sh            for another Python than 3.12
#
# Versions are those of requirements.txt. What has no wheel, or one that is compiled, is built here without compiled code.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
version=${PYTHON_VERSION:-3.12}
names="onedl-mmengine addict imaug lvis pycocotools shapely six terminaltables termcolor yapf platformdirs
pydantic pydantic-core annotated-types typing-inspection vernier"

pin() {
    grep "^$1==" requirements.txt || { echo "requirements.txt has no $1" >&2; exit 2; }
}
pins=""
for name in $names "$@"; do
    found=$(pin "$name")
    pins="$pins $found"
done
platforms=""
for glibc in 39 35 34 31 28 27 26 24 17 5; do
    platforms="$platforms --platform manylinux_2_${glibc}_x86_64"
done

rm -rf wheels
# shellcheck disable=SC2086
$python -m pip download --quiet --no-deps --only-binary=:all: --python-version "$version" --implementation cp \
    $platforms --platform manylinux2014_x86_64 --platform manylinux1_x86_64 --dest wheels $pins
# mmcv built in isolation, where there is no torch, is a wheel without operators; pip's cache may hold another one.
for name in onedl-mmcv onedl-mmdetection; do
    $python -m pip wheel --quiet --no-deps --no-cache-dir --wheel-dir wheels "$(pin $name)"
done
rm -rf build  # what an earlier version left there would come along
$python -m pip wheel --quiet --no-deps --wheel-dir wheels .
ls -l wheels | awk 'NR > 1 { printf "%8.1f KiB  %s\n", $5 / 1024, $9; total += $5 }
                    END { printf "%8.1f MiB  in all\n", total / 1048576 }'
