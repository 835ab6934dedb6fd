package org.gatun.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.gatun.attention.KvCodec;
import org.gatun.backend.Backend;
import org.gatun.backend.BackendOptions;
import org.gatun.backend.Backends;
import org.gatun.backend.suite.AttentionRig;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What a step's attention kernels touch in global memory, counted by the virtual GPU, under each
 * plan beside dense attention: 32 query heads, 8 KV heads, head dim 128, F16, one layer. {@code
 * -Dgatun.traffic.keys} sets the length (default 2048; docs/long-context.md has 8192 too), {@code
 * -Dgatun.traffic.rows} the rows of the step (default 1, as in decode).
 */
@Tag("slow")
class PlanTrafficTest {
  private static final Pattern KERNEL =
      Pattern.compile("\"(\\w+)\":\\{\"launches\":\\d+,\"counters\":\\{([^}]*)}");

  /** The rig runs a step twice: once to fill the cache, once as measured. */
  private static final int STEPS = 2;

  @Test
  void plansReadWhatTheyPromise() {
    Gpu.require();
    Assumptions.assumeTrue(VirtualGpu.present(), "only the virtual GPU counts what kernels touch");
    int keys = Integer.getInteger("gatun.traffic.keys", 2048);
    int rows = Integer.getInteger("gatun.traffic.rows", 1);
    AttentionRig.Work step = new AttentionRig.Work(rows + " rows", 1, rows, 1);
    List<Double> touched = new ArrayList<>();
    List<Double> bounds = new ArrayList<>();
    try (Backend backend = Backends.named("cuda").open(BackendOptions.DEFAULT)) {
      for (String plan : AttentionRig.plans()) {
        VirtualGpu.reset();
        AttentionRig.Line line =
            new AttentionRig(List.of(backend), KvCodec.F16, keys, 1, s -> {})
                .run(step, plan::equals)
                .getFirst();
        double bytes = 0;
        double instructions = 0;
        StringBuilder parts = new StringBuilder();
        Matcher m = KERNEL.matcher(VirtualGpu.report());
        while (m.find()) {
          String kernel = m.group(1);
          // Compressed keys are made once, with the pages.
          if (!kernel.startsWith("kv_append") && !kernel.equals("topk_means")) {
            double own = 32 * number(m.group(2), "global.footprint_sectors.grid") / STEPS;
            bytes += own;
            instructions += number(m.group(2), "inst.warp") / STEPS;
            parts.append(
                String.format(
                    Locale.ROOT,
                    " %s %.3f MB, %.3f M;",
                    kernel,
                    own / 1e6,
                    number(m.group(2), "inst.warp") / STEPS / 1e6));
          }
        }
        assertThat(bytes).as(plan).isPositive();
        touched.add(bytes);
        bounds.add(line.bytes());
        System.out.printf(
            Locale.ROOT,
            "| %d | %s | %.2f MB | %.2f MB | %.2f | %.2f | %.2f M |%s%n",
            keys,
            plan,
            bytes / 1e6,
            line.bytes() / 1e6,
            touched.getFirst() / bytes,
            bounds.getFirst() / line.bytes(),
            instructions / 1e6,
            parts);
      }
    }
    for (int i = 1; i < touched.size() && rows == 1; i++) {
      // Scores of centroids are written and read again; queries and split states are small.
      assertThat(touched.getFirst() / touched.get(i))
          .as(AttentionRig.plans().get(i))
          .isGreaterThan(0.85 * bounds.getFirst() / bounds.get(i));
    }
  }

  private static double number(String json, String key) {
    Matcher m = Pattern.compile("\"" + Pattern.quote(key) + "\": ?([-+.0-9e]+)").matcher(json);
    assertThat(m.find()).as(key).isTrue();
    return Double.parseDouble(m.group(1));
  }
}
