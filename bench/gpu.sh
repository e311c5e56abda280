#!/bin/sh
# How fast is it on my GPU? At most eight minutes; needs this checkout only, with `make setup` done.
#   bench/gpu.sh [FOLDER]    results in FOLDER, by default out/gpu
# Every part has its own time limit; one that fails or takes too long leaves the others as they are.
set -u
cd "$(dirname "$0")/.." || exit 1
python=$PWD/.venv/bin/python
[ -x "$python" ] || { echo "bench/gpu.sh: $python is missing; run: make setup" >&2; exit 2; }
"$python" -c "import sys, torch; sys.exit(not torch.cuda.is_available())" || {
    echo "bench/gpu.sh: PyTorch can use no GPU here; run: TORCH=cuda make setup" >&2
    exit 3
}
out=${1:-out/gpu}
mkdir -p "$out"
out=$(cd "$out" && pwd)
failed=0

# part NAME SECONDS COMMAND...: what the command says goes to NAME.txt.
part() {
    name=$1 limit_s=$2
    shift 2
    echo "$name (at most $limit_s s)"
    timeout -k 5 "$limit_s" "$@" >"$out/$name.txt" 2>&1
    code=$?
    if [ $code -ne 0 ]; then
        failed=1
        [ $code -eq 124 ] && echo "  took longer than $limit_s s" || echo "  failed: exit code $code"
        tail -n 3 "$out/$name.txt" | sed 's/^/  /'
    fi
}

{
    date -u
    git log -1 --format='commit %H' 2>/dev/null
    nvidia-smi 2>/dev/null
    "$python" -m torch.utils.collect_env 2>/dev/null
} >"$out/machine.txt"

part tests 130 "$python" -m pytest -q -p no:cacheprovider test/engines/test_compiled_cuda.py
part frames 150 "$python" bench/gpu_frames.py --out "$out/frames.json"
part bench 140 "$python" -m siammask_ros.cli bench --models resnet50,lite --engines compiled \
    --targets 1,8 --sizes 480p --quick --device cuda --out "$out/bench"
part training 60 "$python" bench/gpu_training.py

echo "results: $out"
exit $failed
