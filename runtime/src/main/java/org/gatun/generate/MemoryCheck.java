package org.gatun.generate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.gatun.attention.AttentionPlan;
import org.gatun.attention.KvLayer;
import org.gatun.graph.Graph;
import org.gatun.graph.MemoryPlan;
import org.gatun.graph.Node;
import org.gatun.graph.StepLimits;
import org.gatun.graph.op.Attention;
import org.gatun.model.Model;

/** Says that memory is short before anything is loaded. */
final class MemoryCheck {
  private MemoryCheck() {}

  static void require(Model model, Graph graph, StepLimits limits, EngineOptions options) {
    long kv = kvBytesPerToken(graph, options) * limits.slots() + prefixBytes(graph, options);
    long activations = MemoryPlan.of(graph, limits, 64).bytes();
    long need = model.bytes() + kv + activations;
    long there = available();
    if (need > there) {
      throw new GenerationException(
          "not enough memory: %s needed (weights %s, KV cache %s, activations %s), %s available; use a smaller --ctx-size or model"
              .formatted(mib(need), mib(model.bytes()), mib(kv), mib(activations), mib(there)));
    }
  }

  private static long kvBytesPerToken(Graph graph, EngineOptions options) {
    long bytes = 0;
    for (KvLayer k : graph.kv()) {
      bytes += 2L * k.kvHeads() * options.kv().headBytes(k.headDim());
    }
    return bytes;
  }

  /** Keys and values of prefixes, in the layers that read them; centroids take 3 % more. */
  private static long prefixBytes(Graph graph, EngineOptions options) {
    long bytes = 0;
    for (Node n : graph.nodes()) {
      if (n.op() instanceof Attention a && a.plan() instanceof AttentionPlan.Squeezed) {
        bytes += 2L * a.kvHeads() * options.kv().headBytes(a.headDim());
      }
    }
    long tokens = (long) options.prefixes().count() * options.prefixes().tokens();
    return bytes * tokens * 103 / 100;
  }

  private static String mib(long bytes) {
    return (bytes >> 20) + " MiB";
  }

  /** Bytes the system can still give, the container's limit included; unknown is plenty. */
  private static long available() {
    long free = Long.MAX_VALUE;
    try {
      for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
        if (line.startsWith("MemAvailable:")) {
          free = Long.parseLong(line.replaceAll("\\D", "")) * 1024;
        }
      }
      Path max = Path.of("/sys/fs/cgroup/memory.max");
      if (Files.exists(max)) {
        String limit = Files.readString(max).strip();
        if (!limit.equals("max")) {
          long used =
              Long.parseLong(Files.readString(Path.of("/sys/fs/cgroup/memory.current")).strip());
          free = Math.min(free, Long.parseLong(limit) - used);
        }
      }
    } catch (IOException | NumberFormatException e) {
      return free;
    }
    return free;
  }
}
