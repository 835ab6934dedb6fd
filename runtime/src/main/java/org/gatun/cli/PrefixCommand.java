package org.gatun.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.gatun.attention.KvCodec;
import org.gatun.attention.PrefixData;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.model.Model;
import org.gatun.prefix.PrefixBuilder;
import org.gatun.prefix.PrefixFile;
import org.gatun.prefix.PrefixOptions;
import org.gatun.prefix.PrefixQuality;
import org.gatun.prefix.StoredPrefix;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code gatun prefix}: reads a document once, for many questions. */
@Command(
    name = "prefix",
    description = "Read a document once and keep it, clustered, for many questions.",
    mixinStandardHelpOptions = true,
    subcommands = {PrefixCommand.Build.class, PrefixCommand.Info.class, PrefixCommand.Check.class})
final class PrefixCommand implements Runnable {
  @Override
  public void run() {
    CommandLine.usage(this, System.out);
  }

  /** Builds a prefix file. */
  @Command(
      name = "build",
      description = "Read a document, cluster its keys and write a prefix file.",
      mixinStandardHelpOptions = true,
      footer = {
        "",
        "Example:",
        "  gatun prefix build -f document.txt -o doc.prefix",
        "  gatun run --prefix doc.prefix -p \"In short, the document says\""
      })
  static final class Build implements Callable<Integer> {
    @Option(
        names = {"-m", "--model"},
        description = "A model file or name (default: ${DEFAULT-VALUE}).",
        defaultValue = "gemma3-270m")
    private String model = "";

    @Option(
        names = {"-f", "--file"},
        required = true,
        description = "The document.")
    private Path file = Path.of("");

    @Option(
        names = {"-o", "--output"},
        required = true,
        description = "The prefix file.")
    private Path output = Path.of("");

    @Option(
        names = "--backend",
        description = "Which backend reads it (default: ${DEFAULT-VALUE}).",
        defaultValue = "jvm")
    private String backend = "jvm";

    @Option(
        names = {"-t", "--threads"},
        description = "Compute threads (default: one per core).",
        defaultValue = "${env:GATUN_THREADS:-0}")
    private int threads;

    @Option(
        names = "--kv",
        description = "How keys and values are stored: f32, f16, int8 (default: ${DEFAULT-VALUE}).",
        defaultValue = "f16")
    private KvCodec kv = KvCodec.F16;

    @Option(
        names = "--fine",
        description = "Clusters as a share of the tokens (default: ${DEFAULT-VALUE}).",
        defaultValue = "0.05")
    private double fine;

    @Option(
        names = "--coarse",
        description =
            "Clusters of clusters as a share of the tokens; 0 for one level (default:"
                + " ${DEFAULT-VALUE}).",
        defaultValue = "0.01")
    private double coarse;

    @Option(
        names = "--iterations",
        description = "Of k-means at most (default: ${DEFAULT-VALUE}).",
        defaultValue = "20")
    private int iterations;

    @Option(
        names = {"-s", "--seed"},
        description = "Of k-means (default: ${DEFAULT-VALUE}).",
        defaultValue = "1")
    private long seed;

    @Override
    public Integer call() throws IOException {
      if (!Files.isReadable(file)) {
        throw new UsageException("cannot read " + file);
      }
      PrefixOptions options;
      try {
        options = new PrefixOptions(fine, coarse, iterations, seed, kv);
      } catch (IllegalArgumentException e) {
        throw new UsageException(String.valueOf(e.getMessage()));
      }
      String text = Files.readString(file);
      long start = System.nanoTime();
      try (ProgressBar bar = new ProgressBar();
          Model m = Model.open(ModelPaths.resolve(model, bar));
          Backend b = Backends.named(backend).open(new BackendOptions("", threads));
          Arena arena = Arena.ofShared()) {
        int[] ids = m.tokenizer().encode(text, true, false);
        StoredPrefix p =
            PrefixBuilder.build(
                m,
                b,
                ids,
                options,
                arena,
                (task, done, total) ->
                    System.err.printf("gatun: %s: %d of %d%n", task, done, total));
        PrefixFile.write(p, output);
        describe(p);
        System.out.printf(
            "%s: %.1f MB, built in %.1f s%n",
            output, Files.size(output) / 1e6, (System.nanoTime() - start) / 1e9);
      }
      return 0;
    }
  }

  /** Says what is in a prefix file. */
  @Command(
      name = "info",
      description = "Say what is in a prefix file.",
      mixinStandardHelpOptions = true)
  static final class Info implements Callable<Integer> {
    @Parameters(paramLabel = "FILE", description = "The prefix file.")
    private Path file = Path.of("");

    @Override
    public Integer call() {
      describe(PrefixFile.open(file, Arena.ofAuto()));
      return 0;
    }
  }

  /** Measures what pruning costs. */
  @Command(
      name = "check",
      description =
          "Measure softmax mass kept and output error per layer, on the document's last queries.",
      mixinStandardHelpOptions = true)
  static final class Check implements Callable<Integer> {
    @Parameters(paramLabel = "FILE", description = "The prefix file.")
    private Path file = Path.of("");

    @Override
    public Integer call() {
      StoredPrefix p = PrefixFile.open(file, Arena.ofAuto());
      System.out.println(
          "| layer | levels | sparsity asked | keys read | softmax mass kept | least | output error"
              + " |");
      System.out.println("|---|---|---|---|---|---|---|");
      for (PrefixQuality.Row r : new PrefixQuality(p).rows(0.7, 0.9)) {
        System.out.printf(
            "| %d | %d | %.0f %% | %.1f %% | %.2f %% | %.1f %% | %.2f %% |%n",
            r.layer(),
            r.levels(),
            100 * r.sparsity(),
            100 * r.kept(),
            100 * r.mass(),
            100 * r.worst(),
            100 * r.error());
      }
      return 0;
    }
  }

  private static void describe(StoredPrefix p) {
    System.out.printf(
        "%s, %d tokens: %d clustered, %d behind them; keys and values %.1f MB, centroids and bounds"
            + " %.2f MB%n",
        p.family(),
        p.tokens().length,
        p.data().tokens(),
        p.tailTokens(),
        p.data().keyValueBytes() / 1e6,
        p.data().indexBytes() / 1e6);
    for (PrefixData.Layer l : p.data().layers()) {
      System.out.printf(
          "  layer %d: %d KV heads of %d in %s, %d clusters%s each%n",
          l.shape().layer(),
          l.shape().kvHeads(),
          l.shape().headDim(),
          l.codec(),
          l.fine(),
          l.coarse() > 0 ? " in " + l.coarse() : "");
    }
  }
}
