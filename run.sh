#!/usr/bin/env bash
# The front door: installs what is missing, builds, and tests or compares. `./run.sh help` lists the commands.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly root

# package | why it is needed. This is the only list; docs and CI refer to it.
readonly packages=(
  'g++|C++20 compiler'
  'meson|build system'
  'ninja-build|runs the build'
  'pkg-config|tells Meson where the libraries are'
  'libboost1.81-dev|Asio (the daemon), Math (statistics); 1.81 or newer'
  'libabsl-dev|status, strings, hash maps'
  'libprotobuf-dev|event bodies and run records'
  'protobuf-compiler|generates their code'
  'libre2-dev|regular expressions in filters, in linear time on hostile input'
  'libcli11-dev|command lines'
  'nlohmann-json3-dev|JSON of traces and reports'
  'zlib1g-dev|HdrHistogram export'
  'libgtest-dev|tests'
  'libgmock-dev|tests'
  'libbenchmark-dev|benchmarks'
)
readonly apt_options=(-y --no-install-recommends -o DPkg::Lock::Timeout=600)

usage() {
  cat <<'END'
Usage: ./run.sh COMMAND [OPTIONS]

Commands
  test     build, pass all tests, close with "N passed, N failed"
  quick    compare coordinator and daemon on this machine; a first answer in under 5 minutes after the build
  full     the same, thoroughly: more paired runs, longer, at several rates
  help     this text

Options
  --build-dir DIR   where to build (default: build for test, build-release for quick and full)
  --out DIR         where results go (default: routebench-results/DATE-COMMAND)
  --no-install      never install packages; leave it to Meson to find what it needs

Exit codes: 0 done, 1 something is missing or failed, 2 regression, 4 invalid runs leave too few
others for a planned verdict or a pattern, 64 usage, 130 interrupted.
END
}

say() { printf '%s\n' "$*"; }
die() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }
usage_error() { printf 'run.sh: %s (./run.sh help lists what there is)\n' "$*" >&2; exit 64; }

step_number=0
step() {
  step_number=$((step_number + 1))
  printf '\n[%d/%d] %s\n' "$step_number" "$step_count" "$*"
}

# --- packages ---------------------------------------------------------------------------------------------------

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# Prints the lines of `packages` that are not installed. Distributions after Debian 12 have a newer default Boost.
missing_packages() {
  local entry name
  for entry in "${packages[@]}"; do
    name=${entry%%|*}
    if [[ $name == libboost1.81-dev ]] && ! is_installed "$name" && newer_boost_is_default; then
      entry="libboost-dev|${entry#*|}"
      name=libboost-dev
    fi
    is_installed "$name" || printf '%s\n' "$entry"
  done
}

newer_boost_is_default() {
  local version
  version=$(apt-cache show --no-all-versions libboost-dev 2>/dev/null | sed -n 's/^Version: //p' | head -n 1)
  [[ -n $version ]] && dpkg --compare-versions "$version" ge 1.81
}

install_packages() {
  if ((!may_install)); then return; fi
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    say 'This system has no apt. Needed are (by their Debian names):'
    printf '%s\n' "${packages[@]}" | awk -F'|' '{printf "  %-20s %s\n", $1, $2}'
    say 'Going on: Meson reports what it does not find, and can build all but Boost from subprojects/.'
    return
  fi
  local missing names command
  missing=$(missing_packages)
  if [[ -z $missing ]]; then
    say 'All packages are there.'
    return
  fi
  say 'Missing packages:'
  awk -F'|' '{printf "  %-20s %s\n", $1, $2}' <<<"$missing"
  mapfile -t names < <(cut -d'|' -f1 <<<"$missing")
  if is_installed libboost1.74-dev && [[ " ${names[*]} " == *' libboost1.81-dev '* ]]; then
    say 'Note: libboost1.81-dev replaces the installed libboost1.74-dev (their packages conflict).'
  fi
  command="apt-get install ${apt_options[*]} ${names[*]}"
  if ((EUID != 0)); then
    say 'Installing them takes root. Run this, then ./run.sh again:'
    say "  sudo apt-get update && sudo $command"
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  say 'Installing: apt-get update'
  apt-get update -q -o DPkg::Lock::Timeout=600 >"$scratch/apt.log" 2>&1 ||
    { tail -n 20 "$scratch/apt.log" >&2; die 'apt-get update failed.'; }
  say "Installing: $command"
  apt-get install -q "${apt_options[@]}" "${names[@]}" >"$scratch/apt.log" 2>&1 ||
    { tail -n 20 "$scratch/apt.log" >&2; die "installing failed; the command was: $command"; }
}

# Charts are optional: without them every report is still written, with tables.
install_charts() {
  local web=$root/analysis/web
  [[ -f $web/package-lock.json ]] || return 0
  [[ -d $web/node_modules/echarts ]] && return 0
  if ((may_install)) && ! command -v npm >/dev/null && ((EUID == 0)) && command -v apt-get >/dev/null &&
    ! command -v node >/dev/null; then
    say 'Installing nodejs and npm (charts in reports; optional)'
    DEBIAN_FRONTEND=noninteractive apt-get install -q "${apt_options[@]}" nodejs npm >"$scratch/npm.log" 2>&1 || true
  fi
  if ! command -v npm >/dev/null; then
    say 'Reports will have tables but no charts: npm is not installed.'
  elif ! (cd "$web" && npm ci --ignore-scripts --no-audit --no-fund) >"$scratch/npm.log" 2>&1; then
    say "Reports will have tables but no charts: npm said: $(tail -n 1 "$scratch/npm.log")"
  fi
}

# --- build and test ---------------------------------------------------------------------------------------------

# As many compilers as there are cores, but not more than memory carries (about 1 GiB each).
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo)
  ((memory < 1)) && memory=1
  echo $((cores < memory ? cores : memory))
}

# build DIR BUILDTYPE [TARGETS...]: sets the build directory up when it is new, and builds.
build() {
  local dir=$1 type=$2
  shift 2
  if [[ ! -f $dir/build.ninja ]]; then
    meson setup "$dir" "$root" --buildtype="$type" >"$scratch/setup.log" 2>&1 ||
      { cat "$scratch/setup.log" >&2; die "meson setup failed; the whole story is in $dir/meson-logs/meson-log.txt"; }
  fi
  ninja -C "$dir" -j "$(build_jobs)" "$@" || die 'the build failed.'
}

run_tests() {
  step_count=3
  local dir=${build_dir:-$root/build} status=0
  step 'Packages'
  install_packages
  step "Build in $dir"
  install_charts
  build "$dir" debugoptimized all meson-test-prereq
  step 'Tests'
  # Meson takes per-case results from these files, and would take those of an earlier run when a test crashes.
  find "$dir" -maxdepth 1 -name '*.xml' -delete
  rm -f "$dir/meson-logs/testlog.json" "$dir/meson-logs/testlog.junit.xml"
  meson test -C "$dir" --no-rebuild --print-errorlogs routebench: || status=$?
  python3 "$root/tests/tools/count_tests.py" --meson-status "$status" "$dir/meson-logs"
}

# --- compare ----------------------------------------------------------------------------------------------------

# Records what a real checkout and compilation do to the file system of this machine.
record_trace() {
  local bin=$1 trace=$2 watched=$scratch/watched
  mkdir "$watched"
  # shellcheck disable=SC2016  # expanded by the inner shell
  "$bin/loadgen/loadgen" record --watch "$watched" --out "$trace" -- bash -c '
    set -e
    cd "$1" && cp -r analysis coordinator daemon docs events loadgen tests "$2" && cd "$2"
    for source in events/crc32c.cc events/kind.cc events/outcome.cc; do
      g++ -std=c++20 -O1 -I. -c "$source" -o "${source%.cc}.o"
    done' record "$root" "$watched"
  rm -rf "$watched"
}

# campaign_and_report BIN DIR CELLS... -- RUN_FLAGS...: both backends in paired runs, then the report. Invalid runs
# (exit code 4 of the campaign) are named and kept out by the report, which says whether enough others are left: its
# exit code is 4 only where they are not.
campaign_and_report() {
  local bin=$1 dir=$2 cells=() status=0
  shift 2
  while [[ $1 != -- ]]; do
    cells+=(--cell "$1")
    shift
  done
  if (($# == 1)); then shift; fi
  "$bin/loadgen/loadgen" campaign --a coordinator --b daemon "${cells[@]}" --out "$dir/runs" "$@" || status=$?
  if ((status != 0 && status != 4)); then exit "$status"; fi
  status=0
  "$bin/analysis/analysis" report "$dir/runs" --out "$dir/report" || status=$?
  if ((status != 0)); then worst=$status; fi
}

compare() {
  local command=$1 bin=${build_dir:-$root/build-release} rate
  local dir=${out:-$root/routebench-results/$(date +%Y%m%d-%H%M%S)-$command}
  if [[ -e $dir ]] && [[ -n $(ls -A "$dir") ]]; then die "$dir is not empty; choose another --out."; fi
  step_count=5
  worst=0
  step 'Packages'
  install_packages
  step "Build in $bin"
  install_charts
  build "$bin" release loadgen/loadgen daemon/eventd analysis/analysis
  mkdir -p "$dir"
  step 'Record the file-system events of a real checkout and compilation'
  record_trace "$bin" "$dir/trace.jsonl"
  if [[ $command == quick ]]; then
    step 'Compare coordinator and daemon (mixed for a verdict on p99, the rest exploratory; about 4 minutes)'
    campaign_and_report "$bin" "$dir" mixed:16 steady:2 burst:2 ramp:2 spike:2 "replay=$dir/trace.jsonl:2" --
  else
    step 'Compare coordinator and daemon at three rates (about 90 minutes; interrupt at any time, records stay)'
    for rate in 1k/s 5k/s 20k/s; do
      say "Rate $rate:"
      campaign_and_report "$bin" "$dir/${rate%/s}" mixed:16 steady:12 burst:12 ramp:12 spike:12 -- \
        --rate "$rate" --duration 10s
    done
    campaign_and_report "$bin" "$dir/replay" "replay=$dir/trace.jsonl:12" --
  fi
  step 'Done'
  say "Results: $dir"
  return "$worst"
}

# --- main -------------------------------------------------------------------------------------------------------

main() {
  local command=${1:-help}
  shift || true
  build_dir=''
  out=''
  may_install=1
  while (($#)); do
    case $1 in
      --build-dir | --out)
        (($# >= 2)) || usage_error "$1 needs a directory"
        if [[ $1 == --out ]]; then out=$(realpath -m "$2"); else build_dir=$(realpath -m "$2"); fi
        shift 2
        ;;
      --no-install)
        may_install=0
        shift
        ;;
      -h | --help)
        usage
        return
        ;;
      *) usage_error "unknown option '$1'" ;;
    esac
  done
  case $command in
    help | -h | --help)
      usage
      return
      ;;
    test | quick | full) ;;
    *) usage_error "unknown command '$command'" ;;
  esac

  scratch=$(mktemp -d "${TMPDIR:-/tmp}/routebench.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if [[ $command == test ]]; then run_tests; else compare "$command"; fi
}

main "$@"
