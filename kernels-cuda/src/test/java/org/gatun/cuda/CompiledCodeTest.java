package org.gatun.cuda;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.CompileOptions;
import org.gatun.backend.Program;
import org.gatun.graph.Dim;
import org.gatun.graph.GraphBuilder;
import org.gatun.graph.Sampling;
import org.gatun.graph.Step;
import org.gatun.graph.StepLimits;
import org.gatun.graph.Value;
import org.gatun.graph.op.Add;
import org.gatun.graph.spec.RandomTensors;
import org.gatun.tensor.DType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compiled kernels on disk: found again, never trusted when damaged, one per content. */
class CompiledCodeTest {
  private static final byte[] PTX = ".version 8.0".getBytes(UTF_8);

  @TempDir Path dir;
  private int compiled;

  private String get(byte[] ptx, String target) {
    return new String(
        CompiledCode.of(
            ptx,
            dir,
            target,
            p -> {
              compiled++;
              return ("code of " + new String(p, UTF_8) + " for " + target).getBytes(UTF_8);
            }),
        UTF_8);
  }

  @Test
  void isCompiledOncePerContentAndTarget() {
    String first = get(PTX, "sm_80");
    assertThat(get(PTX, "sm_80")).isEqualTo(first);
    assertThat(compiled).isEqualTo(1);
    assertThat(get(PTX, "sm_90")).isNotEqualTo(first);
    assertThat(get("other".getBytes(UTF_8), "sm_80")).isNotEqualTo(first);
    assertThat(compiled).isEqualTo(3);
  }

  @Test
  void aDamagedFileIsCompiledAnew() throws IOException {
    String first = get(PTX, "sm_80");
    Path file = files().getFirst();
    byte[] all = Files.readAllBytes(file);
    for (int cut : new int[] {0, 10, 32, all.length - 1}) {
      Files.write(file, java.util.Arrays.copyOf(all, cut));
      assertThat(get(PTX, "sm_80")).isEqualTo(first);
    }
    byte[] flipped = all.clone();
    flipped[40] ^= 1;
    Files.write(file, flipped);
    assertThat(get(PTX, "sm_80")).isEqualTo(first);
    assertThat(compiled).isEqualTo(6);
  }

  @Test
  void aFolderThatCannotBeWrittenCostsOnlyTime() throws IOException {
    Files.writeString(dir.resolve("cuda"), "a file where the folder should be");
    assertThat(get(PTX, "sm_80")).isEqualTo(get(PTX, "sm_80"));
    assertThat(compiled).isEqualTo(2);
  }

  @Test
  void theDriversCodeIsKeptAndLoadedAgain() throws IOException {
    Gpu.require();
    Assumptions.assumeTrue(
        DriverLinker.isPresent(), "this driver has no linker: kernels are compiled at each start");
    float first = add();
    List<Path> kept = files();
    assertThat(kept).isNotEmpty();
    var times = kept.stream().map(f -> f.toFile().lastModified()).toList();
    assertThat(add()).isEqualTo(first).isEqualTo(3f);
    assertThat(files().stream().map(f -> f.toFile().lastModified()).toList()).isEqualTo(times);
  }

  /** 1 + 2 on the device, by a program whose compiled kernels go to the folder. */
  private float add() {
    GraphBuilder g = new GraphBuilder("t");
    Value x = g.input("x", DType.F32, Dim.TOKENS, 4);
    Value y = g.input("y", DType.F32, Dim.TOKENS, 4);
    g.output("sum", g.add("add", new Add(), x, y).getFirst());
    CompileOptions plain = CompileOptions.of(new StepLimits(1, 1, 1, 64));
    CompileOptions options =
        new CompileOptions(
            plain.limits(), plain.kvPages(), plain.kvCodec(), dir, false, false, plain.progress());
    try (Backend b = Backends.named("cuda").open(BackendOptions.DEFAULT);
        Program p = b.compile(g.build(), new RandomTensors(1), options);
        Step s = p.newStep();
        var sequence = p.kv().sequence()) {
      s.add(sequence, new int[] {0}, Sampling.GREEDY);
      p.input("x", MemorySegment.ofArray(new float[] {1, 1, 1, 1}));
      p.input("y", MemorySegment.ofArray(new float[] {2, 2, 2, 2}));
      p.run(s);
      return p.output("sum").get(java.lang.foreign.ValueLayout.JAVA_FLOAT, 0);
    }
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> all = Files.list(dir.resolve("cuda"))) {
      return all.sorted().toList();
    }
  }
}
