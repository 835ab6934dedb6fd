package org.gatun.cli;

import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.PrefixLimits;
import org.gatun.generate.Engine;
import org.gatun.generate.EngineOptions;
import org.gatun.generate.Prefix;
import org.gatun.generate.Session;
import org.gatun.prefix.PrefixFile;
import org.gatun.prefix.StoredPrefix;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which keys attention reads, and the document it goes on behind. */
final class AttentionFlags {
  /** A plan, and the share of a prefix's keys to prune. */
  record Choice(AttentionPlan plan, double sparsity) {}

  @Option(
      names = "--attention",
      paramLabel = "PLAN",
      description =
          "dense; squeezed[:SPARSITY][,levels=1|2] behind a --prefix; or blocktopk[:PAGES][,init=N]"
              + "[,local=N] (default: squeezed:0.7 behind a --prefix, else dense).")
  private @Nullable String attention;

  @Option(
      names = "--prefix",
      paramLabel = "FILE",
      description =
          "Go on behind a document that `gatun prefix build` read. With more --tp ranks than KV"
              + " heads, with --attention dense only.")
  private @Nullable Path prefix;

  private @Nullable StoredPrefix stored;
  private double sparsity;

  /** The options with plan and room for the prefix; the prefix file is opened and checked. */
  EngineOptions apply(EngineOptions o) {
    Choice c = parse(attention, prefix != null);
    sparsity = c.sparsity;
    if (c.plan instanceof AttentionPlan.BlockTopK) {
      System.err.println(
          "gatun: this model was not trained for block top-k; expect worse answers than dense"
              + " attention gives");
    }
    if (prefix == null) {
      return o.withAttention(c.plan, PrefixLimits.NONE);
    }
    if (!Files.isReadable(prefix)) {
      throw new UsageException("cannot read the prefix " + prefix);
    }
    StoredPrefix p = PrefixFile.open(prefix, Arena.ofAuto());
    stored = p;
    return o.withAttention(c.plan, PrefixLimits.of(p.data()));
  }

  /** Says before anything is loaded that so many ranks cannot prune the prefix. */
  void requireRanks(int ranks) {
    if (stored != null) {
      stored.requirePrunable(sparsity, ranks);
    }
  }

  /** A session behind the prefix, if there is one. */
  Session session(Engine engine) {
    StoredPrefix p = stored;
    if (p == null) {
      return engine.session();
    }
    try (Prefix loaded = engine.prefix(p)) {
      return engine.session(loaded, sparsity);
    }
  }

  /** Reads a plan. */
  static Choice parse(@Nullable String spec, boolean hasPrefix) {
    if (spec == null) {
      spec = hasPrefix ? "squeezed:0.7" : "dense";
    }
    int colon = spec.indexOf(':');
    String name = colon < 0 ? spec : spec.substring(0, colon);
    Map<String, String> values = values(spec, colon < 0 ? "" : spec.substring(colon + 1));
    try {
      return switch (name) {
        case "dense" -> {
          only(spec, values, Set.of());
          // Dense attention over a prefix is its plan with every cluster kept.
          yield new Choice(hasPrefix ? new AttentionPlan.Squeezed(1) : AttentionPlan.DENSE, 0);
        }
        case "squeezed" -> {
          only(spec, values, Set.of("", "levels"));
          double s = Double.parseDouble(values.getOrDefault("", "0.7"));
          if (!(s >= 0 && s < 1)) {
            throw new UsageException(
                "--attention " + spec + ": the sparsity is 0 (all keys) or more and below 1");
          }
          if (!hasPrefix) {
            throw new UsageException(
                "--attention " + spec + " needs a --prefix; make one with `gatun prefix build`");
          }
          yield new Choice(
              new AttentionPlan.Squeezed(Integer.parseInt(values.getOrDefault("levels", "2"))), s);
        }
        case "blocktopk" -> {
          only(spec, values, Set.of("", "init", "local"));
          if (hasPrefix) {
            throw new UsageException("--attention blocktopk does not read a --prefix");
          }
          int k = Integer.parseInt(values.getOrDefault("", "64"));
          int init = Integer.parseInt(values.getOrDefault("init", "1"));
          int local =
              Integer.parseInt(
                  values.getOrDefault("local", String.valueOf(Math.clamp(k - init, 1, 8))));
          yield new Choice(new AttentionPlan.BlockTopK(k, init, local), 0);
        }
        default ->
            throw new UsageException(
                "--attention " + spec + " is unknown; it may be dense, squeezed or blocktopk");
      };
    } catch (NumberFormatException e) {
      throw new UsageException("--attention " + spec + ": not a number: " + e.getMessage());
    } catch (IllegalArgumentException e) {
      throw new UsageException("--attention " + spec + ": " + e.getMessage());
    }
  }

  private static Map<String, String> values(String spec, String text) {
    Map<String, String> values = new HashMap<>();
    for (String part : text.isEmpty() ? new String[0] : text.split(",", -1)) {
      int eq = part.indexOf('=');
      String key = eq < 0 ? "" : part.substring(0, eq);
      if (values.put(key, part.substring(eq + 1)) != null) {
        throw new UsageException("--attention " + spec + " says something twice");
      }
    }
    return values;
  }

  private static void only(String spec, Map<String, String> values, Set<String> known) {
    for (String k : values.keySet()) {
      if (!known.contains(k)) {
        throw new UsageException("--attention " + spec + ": unknown setting " + k);
      }
    }
  }
}
