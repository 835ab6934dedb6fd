# Shared by the scripts: finds a JDK 25, says things on standard error, builds once.
# Source it after setting `root` to the top of the checkout.

say() { printf 'gatun: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

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

# Builds the jars into build/lib unless they are newer than every source.
build_jars() {
  local lib=$root/build/lib stamp=$root/build/lib/.stamp log=$root/build/build.log
  local sources=("$root"/pom.xml "$root"/*/pom.xml "$root"/*/src/main)
  if [ -f "$stamp" ] && [ -z "$(find "${sources[@]}" -newer "$stamp" -print -quit 2>/dev/null)" ]; then
    return 0
  fi
  lock "$root/build/.lock"
  if [ -f "$stamp" ] && [ -z "$(find "${sources[@]}" -newer "$stamp" -print -quit 2>/dev/null)" ]; then
    return 0
  fi
  say "building (the first time takes a minute or two; log: build/build.log)"
  local begun; begun=$(mktemp)
  if ! maven -q -f "$root/pom.xml" -DskipTests -Dspotless.check.skip package dependency:copy-dependencies \
      -DincludeScope=runtime -DexcludeGroupIds=org.gatun -DoutputDirectory="$lib.new" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "the build failed; the whole log is in $log"
  fi
  cp "$root"/*/target/gatun-*.jar "$lib.new/"
  rm -f "$lib.new"/*-sources.jar "$lib.new"/*-tests.jar
  touch -r "$begun" "$lib.new/.stamp"
  rm -rf "$lib"
  mv "$lib.new" "$lib"
  rm -f "$begun"
}
