#!/usr/bin/env bash
# Sets up an environment (see setup_env.sh) and runs lint, format check, type check, documentation and tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/setup_env.sh
setup_env tests
export OMP_NUM_THREADS=1 # tiny models: fifty times faster than several threads on a busy two-core machine
# the project's own files: what git tracks, or without git its folders. What a user keeps or a tool wrote in the checkout is no fault of it
code=()
while IFS= read -r file; do [ ! -f "$file" ] || code+=("$file"); done < <(git ls-files '*.py' '*.md' 2>/dev/null)
[ ${#code[@]} -gt 0 ] || code=(configs docs examples mmseg_fundus tests tools mmseg_fundus_tools.py noxfile.py setup.py README.md)
"$PYTHON" -m ruff check "${code[@]}"
"$PYTHON" -m ruff format --check "${code[@]}"
"$PYTHON" -m mypy -p mmseg_fundus
site=$(mktemp -d)
NO_MKDOCS_2_WARNING=1 "$PYTHON" -m mkdocs build --strict --site-dir "$site" # a dead link or a docstring that cannot be read stops it
rm -r "$site"
"$PYTHON" -m pytest -n "${TEST_PROCESSES:-2}" --dist worksteal "$@"
