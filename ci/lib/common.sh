# Shared by the scripts: finds a JDK 25, says things on standard error, builds once.
# Source it after setting `root` to the top of the checkout.

say() { printf 'gatun: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Prints the comment at the head of the script.
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }
help_if_asked() { case "${1:-}" in -h|--help) usage; exit 0 ;; esac; }

# Prints the home of a JDK 25: GATUN_JAVA_HOME, JAVA_HOME, the `java` on the path, then the usual folders.
find_jdk25() {
  local candidate
  for candidate in "${GATUN_JAVA_HOME:-}" "${JAVA_HOME:-}" \
      "$(dirname "$(dirname "$(readlink -f "$(command -v java 2>/dev/null)" 2>/dev/null)")" 2>/dev/null)" \
      /usr/lib/jvm/*25* /opt/*jdk*25* "$HOME"/.sdkman/candidates/java/25* "$HOME"/.jdks/*25* \
      /Library/Java/JavaVirtualMachines/*25*/Contents/Home; do
    if [ -n "$candidate" ] && [ -x "$candidate/bin/java" ] \
        && grep -qs '^JAVA_VERSION="25' "$candidate/release"; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

require_jdk25() {
  GATUN_JDK=$(find_jdk25) || die "no JDK 25 found; install one (Temurin 25, say) and set JAVA_HOME to it"
}

# Runs Maven on the JDK 25: formatters need it, and the tool chains then have nothing to look for.
maven() {
  command -v mvn >/dev/null || die "Maven is missing; install it (apt-get install maven) and start again"
  JAVA_HOME=$GATUN_JDK mvn -B "$@"
}

# Holds an exclusive lock on FILE while the rest of the script runs, where the system has flock.
lock() {
  mkdir -p "$(dirname "$1")"
  exec 9>"$1"
  if command -v flock >/dev/null; then flock 9; fi
}

# The JVM's argument file of the TornadoVM SDK; fails where TORNADOVM_HOME names none.
tornado_argfile() {
  [ -n "${TORNADOVM_HOME:-}" ] && [ -f "$TORNADOVM_HOME/tornado-argfile" ] \
    && printf '%s\n' "$TORNADOVM_HOME/tornado-argfile"
}

# Says in one line that TornadoVM's devices are left out, where they are. A TORNADOVM_HOME without an SDK counts as none.
note_tornado() {
  if ! tornado_argfile >/dev/null; then
    unset TORNADOVM_HOME
    say "$1: TornadoVM's devices (TORNADOVM_HOME names no SDK; docs/tornado.md says how to get one)"
  fi
}

# Whether build/lib is newer than every source, and was built with the SDK that is here now.
jars_are_new() {
  local stamp=$root/build/lib/.stamp
  local sources=("$root"/pom.xml "$root"/*/pom.xml "$root"/*/src/main)
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(tornado_argfile || true)" ] \
    && [ -z "$(find "${sources[@]}" -newer "$stamp" -print -quit 2>/dev/null)" ]
}

# Builds the jars into build/lib unless they are new.
build_jars() {
  local lib=$root/build/lib log=$root/build/build.log
  jars_are_new && return 0
  lock "$root/build/.lock"
  jars_are_new && return 0
  note_tornado "left out"
  say "building (the first time takes a minute or two; log: build/build.log)"
  local begun; begun=$(mktemp)
  tornado_argfile >"$begun" || true
  if ! maven -q -f "$root/pom.xml" -DskipTests -Dspotless.check.skip package dependency:copy-dependencies \
      -DincludeScope=runtime -DexcludeGroupIds=org.gatun -DoutputDirectory="$lib.new" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "the build failed; the whole log is in $log"
  fi
  cp "$root"/*/target/gatun-*.jar "$lib.new/"
  rm -f "$lib.new"/*-sources.jar "$lib.new"/*-tests.jar
  # An earlier build's part for an SDK that is not here now.
  [ -s "$begun" ] || rm -f "$lib.new"/gatun-tornado-device-*.jar
  cp -p "$begun" "$lib.new/.stamp"
  rm -rf "$lib"
  mv "$lib.new" "$lib"
  rm -f "$begun"
}
