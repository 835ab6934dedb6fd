package org.gatun.backend.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A kernel that takes its process down, or never ends, is a failed row, and the rest goes on. */
class LaneProcessTest {
  @TempDir Path dir;

  /** Three cases; the second ends badly. */
  static final class Fake {
    private Fake() {}

    public static void main(String[] args) throws Exception {
      Path file = Path.of(args[args.length - 1]);
      List<String> done = RowFile.read(file).rows().stream().map(r -> r.result().caseId()).toList();
      try (RowFile out = new RowFile(file)) {
        for (String id : List.of("a", "b", "c")) {
          if (done.contains(id)) {
            continue;
          }
          out.begin("op", id);
          if (id.equals("b")) {
            System.err.println("last words");
            if (args[0].equals("die")) {
              Runtime.getRuntime().halt(134);
            }
            if (args[0].equals("crash")) {
              MemorySegment.ofAddress(8).reinterpret(1).get(ValueLayout.JAVA_BYTE, 0);
            }
            Thread.sleep(600_000);
          }
          out.add(
              SuiteRow.bare(
                  System.getProperty("lane.name"),
                  "op",
                  new OpSuite.Result(id, OpSuite.Status.PASS, "", 0)));
        }
      }
    }
  }

  private List<SuiteRow> run(String how, Duration patience) throws Exception {
    Lane lane =
        new Lane("lane", "x", Map.of("lane.name", "lane"), Map.of(), "", List.of(), List.of());
    return new LaneProcess(dir, patience).run(lane, Fake.class.getName(), List.of(how));
  }

  private static void oneFailed(List<SuiteRow> rows, String detail) {
    assertThat(rows).extracting(r -> r.result().caseId()).containsExactly("a", "b", "c");
    assertThat(rows)
        .extracting(r -> r.result().status())
        .containsExactly(OpSuite.Status.PASS, OpSuite.Status.FAIL, OpSuite.Status.PASS);
    assertThat(rows.get(1).result().detail()).contains(detail, "last words");
  }

  @Test
  void aDeathIsAFailedRow() throws Exception {
    oneFailed(run("die", Duration.ofMinutes(2)), "exit code 134");
  }

  @Test
  void aCrashNamesItsSignalAndItsFrame() throws Exception {
    List<SuiteRow> rows = run("crash", Duration.ofMinutes(2));
    oneFailed(rows, "exit code 134: SIGSEGV in ");
    assertThat(rows.get(1).result().detail())
        .containsPattern("in [jJVvC]+ ")
        .contains("hs_err_pid");
  }

  @Test
  void aHangIsAFailedRow() throws Exception {
    oneFailed(run("hang", Duration.ofSeconds(5)), "no result within 5 s");
  }

  @Test
  void aLaneThatCannotRunIsOneSkippedRow() throws Exception {
    Lane missing = new Lane("m", "x", Map.of(), Map.of(), "no tool", List.of(), List.of());
    assertThat(new LaneProcess(dir, Duration.ofMinutes(1)).run(missing, "none", List.of()))
        .extracting(r -> r.result().status())
        .containsExactly(OpSuite.Status.REFUSED);
  }
}
