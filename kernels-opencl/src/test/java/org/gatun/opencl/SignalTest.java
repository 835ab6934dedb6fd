package org.gatun.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * OpenCL drivers leave HotSpot its signals. PoCL would take SIGFPE, by which a JVM knows of a
 * division by zero, and SIGUSR2, by which it stops threads; the LLVM in it takes SIGSEGV, too, by
 * which a JVM knows of null and of the stack's end.
 */
class SignalTest {
  @TempDir Path dir;

  @BeforeEach
  void device() {
    TestDevice.assume();
  }

  private List<String> run(String what, Map<String, String> environment, String... flags)
      throws Exception {
    List<String> all = new ArrayList<>(List.of(flags));
    all.add("-Xlog:disable"); // HotSpot's own remarks on signals that nobody waits for
    ChildJvm child = ChildJvm.run(dir, environment, all, SignalRun.class.getName(), what);
    assertThat(child.exit()).as(child.output()).isZero();
    return child.lines();
  }

  /** PoCL compiles if its cache is empty, and only then. */
  private Map<String, String> emptyCache() throws IOException {
    return Map.of("POCL_CACHE_DIR", Files.createTempDirectory(dir, "pocl").toString());
  }

  /** Compiled by both compilers: they divide and look for null in different ways. */
  @ParameterizedTest
  @ValueSource(strings = {"-XX:TieredStopAtLevel=1", "-XX:-TieredCompilation"})
  void allIsAsWithoutADriver(String compiler) throws Exception {
    List<String> without = run("nothing", Map.of(), compiler, "-Xbatch");
    assertThat(without)
        .contains("end")
        .anyMatch(l -> l.startsWith("divided 200, null 200, deep 3"))
        .noneMatch(l -> l.endsWith("replaced"));
    Map<String, String> cache = emptyCache();
    assertThat(run("opencl", cache, compiler, "-Xbatch")).isEqualTo(without);
    assertThat(run("opencl", cache, compiler, "-Xbatch")).isEqualTo(without);
  }

  /** Two programs, each on a thread of its own. */
  @Test
  void guardsMayOverlap() throws Exception {
    assertThat(run("beside", emptyCache())).noneMatch(l -> l.endsWith("replaced"));
  }

  /** The same calls without the backend's guard show that the above can fail. */
  @Test
  void aDriversCompilerTakesThemFromWhoDoesNotLook() throws Exception {
    Assumptions.assumeTrue(
        ClDevice.all().getFirst().platformName().contains("Portable Computing"),
        "the first device is not PoCL's");
    assertThat(run("bare", emptyCache()))
        .contains("handler of 8 replaced", "handler of 11 replaced", "handler of 12 replaced");
  }
}
