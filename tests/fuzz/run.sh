#!/usr/bin/env bash
# Runs every fuzz target for a while, two at a time, beginning with its seeds. Closes with `N passed, N failed`; a
# finding is kept, with the command that shows it again.
#
# tests/fuzz/run.sh [--seconds N] [--build-dir DIR] [TARGET...]   (30 seconds, build-fuzz, all of them)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly root
seconds=30
build=$root/build-fuzz
targets=()
while (($#)); do
  case $1 in
    --seconds) seconds=$2; shift 2 ;;
    --build-dir) build=$(realpath -m "$2"); shift 2 ;;
    -*) echo "usage: $0 [--seconds N] [--build-dir DIR] [TARGET...]" >&2; exit 64 ;;
    *) targets+=("$1"); shift ;;
  esac
done
readonly seconds build
if ((${#targets[@]} == 0)); then
  for corpus in "$root"/tests/fuzz/corpus/*/; do targets+=("$(basename "$corpus")"); done
fi

if [[ ! -f $build/build.ninja ]]; then
  CC=clang-14 CXX=clang++-14 meson setup "$build" "$root" -Dfuzzers=enabled -Db_sanitize=address,undefined \
    -Doptimization=1 -Ddebug=false -Dcpp_args=-g1 -Dbenchmarks=disabled
fi
ninja -C "$build" fuzzers

readonly limits=(-max_len=8192 -timeout=10 -rss_limit_mb=256)
# The most that is allocated in one piece. protobuf reserves up to 50 MB for a string inside a message whose own length
# is a lie; control messages are looked through before they are parsed (daemon/wire/parse.h), these are not.
malloc_limit() { case $1 in event | trace_line | run_record) echo 64 ;; *) echo 4 ;; esac; }
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:quarantine_size_mb=16
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

scratch=$(mktemp -d "${TMPDIR:-/tmp}/routebench-fuzz.XXXXXX")
readonly scratch

# run_target NAME: what was found stays in the scratch directory, whose name is in the report.
run_target() {
  local name=$1 log=$scratch/$1.log finding
  mkdir "$scratch/$name" "$scratch/$name.findings"
  if "$build/tests/fuzz/fuzz_$name" "${limits[@]}" -malloc_limit_mb="$(malloc_limit "$name")" -max_total_time="$seconds" -print_final_stats=1 \
    -artifact_prefix="$scratch/$name.findings/" "$scratch/$name" "$root/tests/fuzz/corpus/$name" >"$log" 2>&1; then
    awk -v name="$name" '/^stat::number_of_executed_units/ {runs = $2} /^stat::peak_rss_mb/ {rss = $2}
      END {printf "%-20s %10d executions, %4d MiB, nothing found\n", name, runs, rss}' "$log"
    touch "$scratch/$name.passed"
    return
  fi
  finding=$(find "$scratch/$name.findings" -type f | head -n 1)
  {
    printf '%-20s FAILED\n' "$name"
    grep -E 'does not hold|runtime error|^SUMMARY|ERROR' "$log" || tail -n 20 "$log"
    echo "  log:   $log"
    [[ -n $finding ]] && echo "  again: $build/tests/fuzz/fuzz_$name $finding" &&
      echo "  once it is mended, keep it: cp $finding tests/fuzz/corpus/$name/WHAT_IT_WAS"
  } || true
}

jobs=()
for name in "${targets[@]}"; do
  run_target "$name" &
  jobs+=($!)
  ((${#jobs[@]} % 2)) || wait "${jobs[-2]}" "${jobs[-1]}"
done
wait
passed=$(find "$scratch" -maxdepth 1 -name '*.passed' | wc -l)
failed=$((${#targets[@]} - passed))
((failed)) || rm -rf "$scratch"
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
