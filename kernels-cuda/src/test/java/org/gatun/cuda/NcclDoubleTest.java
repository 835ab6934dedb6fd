package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Progress;
import org.gatun.bindings.NativeLibrary;
import org.gatun.generate.CancelToken;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Request;
import org.gatun.generate.Session;
import org.gatun.graph.Sampling;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.Communicators;
import org.gatun.parallel.GroupSpec;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The NCCL way against a double of NCCL, not against NCCL: which calls are made, in which order and
 * with which arguments; sums are real, through host memory.
 */
class NcclDoubleTest {
  private static final Path MODEL =
      Path.of("../runtime/src/test/resources/goldens/tiny/llama/model.gguf");
  private static final int LAYERS = 2;
  private static final int TOKENS = 4;
  private static final int[] PROMPT = {5, 9, 200, 31, 7};

  @BeforeAll
  static void build() throws IOException, InterruptedException {
    Path library = Files.createTempDirectory("nccl-double").resolve("libnccl.so.2");
    int code = -1;
    try {
      code =
          new ProcessBuilder(
                  "gcc", "-shared", "-fPIC", "-o", library.toString(), "src/test/c/nccl_double.c")
              .inheritIO()
              .start()
              .waitFor();
    } catch (IOException e) {
      Assumptions.abort("gcc is needed to build the double of NCCL");
    }
    assertThat(code).as("gcc's exit code").isZero();
    System.setProperty(NativeLibrary.NCCL.property(), library.toString());
    assertThat(NativeLibrary.NCCL.load())
        .isInstanceOfSatisfying(
            NativeLibrary.Status.Loaded.class, l -> assertThat(l.path()).isEqualTo(library));
  }

  @BeforeEach
  void device() throws Throwable {
    Gpu.requireSeveral(2);
    NativeLibrary.Status cuda = NativeLibrary.CUDA.load();
    String path = ((NativeLibrary.Status.Loaded) cuda).path().toString();
    try (Arena arena = Arena.ofConfined()) {
      int code =
          (int)
              call(
                      "ncclDoubleCuda",
                      FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS))
                  .invokeExact(arena.allocateFrom(path));
      assertThat(code).isZero();
    }
    reset(false, 0);
  }

  private static java.lang.invoke.MethodHandle call(String name, FunctionDescriptor type) {
    return Linker.nativeLinker()
        .downcallHandle(NativeLibrary.NCCL.symbol(name).orElseThrow(), type);
  }

  private static void reset(boolean recordOnly, int asyncError) throws Throwable {
    call("ncclDoubleReset", FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT))
        .invokeExact(recordOnly ? 1 : 0, asyncError);
  }

  /** The calls of one rank; the unique id's has no rank. */
  private static List<String> calls(int rank) throws Throwable {
    MemorySegment text =
        (MemorySegment)
            call("ncclDoubleLog", FunctionDescriptor.of(ValueLayout.ADDRESS)).invokeExact();
    return text.reinterpret(1 << 20)
        .getString(0)
        .lines()
        .filter(l -> l.startsWith(rank + " "))
        .map(l -> l.substring(2))
        .toList();
  }

  private static List<List<Integer>> ranks(String graphs, int tokens, String... devices)
      throws Exception {
    return ranks(graphs, tokens, line -> {}, rank -> Progress.NONE, devices);
  }

  private static List<List<Integer>> ranks(
      String graphs,
      int tokens,
      Consumer<String> onWait,
      IntFunction<Progress> progress,
      String... devices)
      throws Exception {
    String job = UUID.randomUUID().toString();
    System.setProperty(CudaProgram.GRAPHS, graphs);
    try (var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      List<Future<List<Integer>>> futures = new ArrayList<>();
      for (int r = 0; r < devices.length; r++) {
        GroupSpec spec =
            GroupSpec.of(r, devices.length, job, "")
                .withTimeout(Duration.ofSeconds(20))
                .withStageTimeout(Duration.ofSeconds(16))
                .withOnWait(onWait);
        EngineOptions options =
            options(devices[r])
                .withReports(progress.apply(r), line -> {})
                .withGroup(id -> new NcclCommunicator(Communicators.open("threads", spec)));
        futures.add(pool.submit(() -> greedy(options, tokens)));
      }
      List<List<Integer>> results = new ArrayList<>();
      for (Future<List<Integer>> f : futures) {
        results.add(f.get());
      }
      return results;
    } finally {
      System.clearProperty(CudaProgram.GRAPHS);
    }
  }

  private static EngineOptions options(String device) {
    return EngineOptions.of(MODEL)
        .withBackend("cuda", device, 0)
        .withContext(64, 1)
        .withKv(KvCodec.F32);
  }

  private static List<Integer> greedy(EngineOptions options, int tokens) {
    Request request = new Request(tokens, 0, 0, 1, 0, 1, 0, List.of(), true);
    try (Engine e = Engine.load(options);
        Session s = e.session()) {
      return Arrays.stream(s.generate(PROMPT, request, piece -> {}, new CancelToken()).tokens())
          .boxed()
          .toList();
    }
  }

  @Test
  void ranksGiveTheSingleRanksTextAndMakeTheSameCallsInOneOrder() throws Throwable {
    List<Integer> whole = greedy(options("0"), TOKENS);
    assertThat(ranks("false", TOKENS, "0", "1")).containsOnly(whole);
    List<String> calls = calls(0);
    assertThat(calls(1)).isEqualTo(calls);
    assertThat(calls.getFirst()).isEqualTo("init of 2");
    assertThat(calls.subList(calls.size() - 2, calls.size()))
        .containsExactly("finalize", "destroy");
    // A step: one sum behind the embedding, two per layer, then the gather of each rank's
    // candidates, (value, id) pairs out of its 192 logits.
    List<String> decode = new ArrayList<>();
    for (int i = 0; i < 1 + 2 * LAYERS; i++) {
      decode.add("all_reduce 64 type 7 op 0");
    }
    decode.add("all_gather " + 2 * Sampling.CANDIDATES + " type 7");
    int end = calls.size() - 2;
    assertThat(calls.subList(end - decode.size(), end)).isEqualTo(decode);
    assertThat(end - 1).isEqualTo(TOKENS * decode.size());
  }

  @Test
  void aCapturedStepCallsNcclOnceHoweverOftenItIsReplayed() throws Throwable {
    reset(true, 0);
    var unused = ranks("true", 12, "0", "1");
    // Two shapes, prompt and decode: nothing is called for the other steps.
    assertThat(calls(0).stream().filter(c -> c.startsWith("all_"))).hasSize(2 * (2 + 2 * LAYERS));
  }

  /** The double lets no deadline pass in its own calls, so that ranks met shows by the notice. */
  @Test
  void ranksMeetBehindTheirUploadsBeforeTheyCallNccl() throws Throwable {
    Queue<String> notices = new ConcurrentLinkedQueue<>();
    AtomicBoolean held = new AtomicBoolean();
    Progress slow =
        (what, done, total) -> {
          if (!held.getAndSet(true)) {
            LockSupport.parkNanos(Duration.ofSeconds(6).toNanos());
          }
        };
    List<Integer> whole = greedy(options("0"), TOKENS);
    IntFunction<Progress> progress = r -> r == 1 ? slow : Progress.NONE;
    assertThat(ranks("false", TOKENS, notices::add, progress, "0", "1")).containsOnly(whole);
    assertThat(notices).contains("rank 1 is still loading the model; waiting: rank 0");
  }

  @Test
  void twoRanksOnOneDeviceAreRefusedBeforeNcclIsAsked() throws Throwable {
    assertThatThrownBy(() -> ranks("false", TOKENS, "1", "1"))
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOf(CommunicatorException.class)
        .hasMessageContaining("uses the same GPU")
        .hasMessageContaining("as rank 0")
        .hasMessageContaining("--devices");
    assertThat(calls(0)).isEmpty();
  }

  @Test
  void theProviderIsFoundByName() {
    assertThat(Communicators.provider("nccl").whyNot()).isEmpty();
  }
}
