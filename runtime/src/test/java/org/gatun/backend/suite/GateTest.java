package org.gatun.backend.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.gatun.backend.Evidence;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The gate is exact, names what moved, and says when it compared nothing. */
class GateTest {
  private static final String CASE = "add/7x640";

  @TempDir Path dir;

  private static SuiteRow row(String tool, Evidence.Counters... kernels) {
    return new SuiteRow(
        "lane",
        "add",
        new OpSuite.Result(CASE, OpSuite.Status.PASS, "", 0.5, 7),
        11,
        "",
        new Evidence(
            tool, List.of(new Evidence.Finding("X", false, "a \"text\"")), List.of(kernels)),
        new LowerBound(100, 50));
  }

  private static Evidence.Counters kernel(String name, long inst, long registers) {
    return new Evidence.Counters(
        name, new TreeMap<>(Map.of("inst.warp", inst, "ptxas.registers", registers)));
  }

  private Gate.Outcome compare(SuiteRow r, long seed, boolean complete) throws Exception {
    return Gate.compare(Baselines.read(dir, "lane"), "lane", List.of(r), seed, complete);
  }

  @BeforeEach
  void baselines() throws Exception {
    Baselines b = Baselines.of(List.of(row("t1", kernel("add", 100, 12))), 42);
    assertThat(b.write(dir, "lane", true)).isTrue();
    assertThat(b.write(dir, "lane", true)).as("the same again").isFalse();
    assertThat(Files.readAllLines(dir.resolve("lane.json"))).hasSize(3);
  }

  @Test
  void theSameCountersPass() throws Exception {
    Gate.Outcome o = compare(row("t1", kernel("add", 100, 12)), 42, true);
    assertThat(o.failed()).isFalse();
    assertThat(o.stale()).isFalse();
    assertThat(o.compared()).isEqualTo(1);
  }

  @Test
  void oneInstructionMoreFailsByName() throws Exception {
    Gate.Outcome o = compare(row("t1", kernel("add", 101, 12)), 42, true);
    assertThat(o.failed()).isTrue();
    assertThat(o.changes()).containsExactly(new Gate.Change(CASE, "add", "inst.warp", 100, 101));
    assertThat(o.changes().getFirst()).hasToString(CASE + " add: inst.warp 100 → 101 (+1.00 %)");
  }

  @Test
  void aCounterThatFellAsksForAnUpdate() throws Exception {
    Gate.Outcome o = compare(row("t1", kernel("add", 100, 11)), 42, true);
    assertThat(o.failed()).isFalse();
    assertThat(o.stale()).isTrue();
  }

  @Test
  void otherKernelsAreComparedBySums() throws Exception {
    Gate.Outcome o = compare(row("t1", kernel("a", 60, 40), kernel("b", 41, 40)), 42, true);
    assertThat(o.changes())
        .containsExactly(new Gate.Change(CASE, "all kernels", "inst.warp", 100, 101));
  }

  @Test
  void otherToolsAndSeedsAreNotCompared() throws Exception {
    assertThat(compare(row("t2", kernel("add", 900, 12)), 42, true).skipped())
        .isEqualTo("baselines are of t1; this is t2");
    assertThat(compare(row("t1", kernel("add", 900, 12)), 43, true).skipped()).contains("seed 42");
  }

  @Test
  void aCaseOfWhichNothingIsCountedAnyMoreFails() throws Exception {
    Gate.Outcome o = compare(row("t1"), 42, false);
    assertThat(o.compared()).isZero();
    assertThat(o.uncounted()).containsExactly(CASE);
    assertThat(o.failed()).isTrue();
    assertThat(o.failures()).singleElement().asString().contains(CASE, "build/");
  }

  @Test
  void aCaseThatNoLongerRunsIsGone() throws Exception {
    SuiteRow other =
        SuiteRow.bare("lane", "add", new OpSuite.Result("x", OpSuite.Status.PASS, "", 0));
    List<SuiteRow> rows =
        List.of(
            new SuiteRow(
                "lane",
                "rms_norm",
                new OpSuite.Result("rms_norm/7x640", OpSuite.Status.PASS, "", 0),
                1,
                "",
                row("t1", kernel("n", 1, 1)).evidence(),
                LowerBound.NONE),
            other);
    Gate.Outcome o = Gate.compare(Baselines.read(dir, "lane"), "lane", rows, 42, true);
    assertThat(o.gone()).containsExactly(CASE);
    assertThat(o.unknown()).containsExactly("rms_norm/7x640");
    assertThat(Gate.compare(Baselines.read(dir, "lane"), "lane", rows, 42, false).gone()).isEmpty();
  }

  @Test
  void rowsSurviveTheirFileAndACutLine() throws Exception {
    Path file = dir.resolve("rows");
    SuiteRow r = row("t1", kernel("add", 100, 12));
    try (RowFile f = new RowFile(file)) {
      f.begin("add", CASE);
      f.add(r);
      f.begin("add", "add/1x1");
    }
    Files.writeString(file, Files.readString(file) + "{\"lane\":\"la");
    RowFile.Content c = RowFile.read(file);
    assertThat(c.rows()).containsExactly(r);
    assertThat(c.running()).isEqualTo("add/1x1");
  }
}
