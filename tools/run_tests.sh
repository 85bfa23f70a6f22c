#!/usr/bin/env bash
# Sets up an environment (see setup_env.sh) and runs lint, format check and tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/setup_env.sh
setup_env tests
export OMP_NUM_THREADS=1 # tiny models: fifty times faster than several threads on a busy two-core machine
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m pytest -n "${TEST_PROCESSES:-2}" --dist worksteal "$@"
