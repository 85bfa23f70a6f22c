# Sourced by the other scripts. Sets PYTHON to the interpreter of the active virtual environment, or of .venv in this checkout,
# which it makes if it is not there. With arguments, installs the package with these extras first: setup_env EXTRA...

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

find_python() {
    local active=${VIRTUAL_ENV:-${CONDA_PREFIX:-}}
    if [ -n "${FUNDUS_PYTHON:-}" ]; then # the command fundus-vessels names its own
        PYTHON=$FUNDUS_PYTHON
    elif [ -n "$active" ] && [ -x "$active/bin/python" ]; then
        PYTHON=$active/bin/python
    elif [ -x "$root/.venv/bin/python" ]; then
        PYTHON=$root/.venv/bin/python
    else
        PYTHON=${PYTHON:-$(command -v python3 || command -v python)}
    fi
}

make_venv() {
    [ -n "${VIRTUAL_ENV:-${CONDA_PREFIX:-}}" ] && return
    [ -x "$root/.venv/bin/python" ] && return
    local base=${PYTHON:-python3}
    "$base" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "error: Python 3.10 or newer is needed, $("$base" -V) was found" >&2; exit 1; }
    "$base" -m venv "$root/.venv" || "$base" -m virtualenv "$root/.venv" || {
        rm -rf "$root/.venv"
        echo 'error: no virtual environment could be made; on Debian: apt-get install python3-venv' >&2
        exit 1
    }
}

# whether pip has settings of its own (a mirror, constraints, a certificate: pip.conf or PIP_*), none of which uv reads
pip_is_configured() {
    [ -n "$({ "$PYTHON" -m pip config list || python3 -m pip config list || env | grep '^PIP_'; } 2>/dev/null)" ]
}

# pip install "$@": with uv if it is there, because it is several times faster (a .venv of ours gets it), but with pip if pip is configured.
# Errors are shown; warnings are not, but on a terminal: old versions of pip print pages of them about every folder of packages that lacks one
install() {
    local quiet='--quiet' pip_quiet='-qq'
    [ -t 1 ] && [ -t 2 ] && quiet= pip_quiet= # minutes: both show how far they are on a terminal
    if ! pip_is_configured; then
        if command -v uv >/dev/null; then
            uv pip install $quiet --python "$PYTHON" "$@"
            return
        fi
        case $PYTHON in "$root/.venv/"*) "$PYTHON" -m pip install -qq uv 2>/dev/null || true ;; esac
        if "$PYTHON" -m uv --version >/dev/null 2>&1; then
            "$PYTHON" -m uv pip install $quiet --python "$PYTHON" "$@"
            return
        fi
    fi
    "$PYTHON" -m pip --version >/dev/null 2>&1 || "$PYTHON" -m ensurepip >/dev/null # uv makes environments without pip
    "$PYTHON" -m pip install $pip_quiet "$@"
}

setup_env() {
    make_venv
    find_python
    local extras=$*
    # an OpenMMLab stack that is there and in order (of either family) is left as it is, its numpy too: OpenCV asks for a newer one, with
    # which upstream's torch does not work
    local numpy=
    if "$PYTHON" "$root/mmseg_fundus/stack.py" >/dev/null 2>&1; then
        numpy=$("$PYTHON" -c 'from importlib.metadata import version; print("numpy==" + version("numpy"))' 2>/dev/null || true)
    else
        extras="mm $extras"
    fi
    extras=$(echo $extras | tr ' ' ',')
    echo "installing into $(dirname "$(dirname "$PYTHON")") (extras: ${extras:-none})"
    install -e "$root${extras:+[$extras]}" ${numpy:+"$numpy"}
    # mmcv asks for opencv-python, which needs libGL; where that is not there, the build without windows goes over it
    "$PYTHON" -c 'import cv2' 2>/dev/null || install --force-reinstall --no-deps opencv-python-headless
    "$PYTHON" "$root/mmseg_fundus/stack.py"
}
