package org.gatun.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.gatun.backend.BackendProvider;
import org.gatun.backend.Backends;
import org.gatun.backend.suite.Lane;
import org.gatun.backend.suite.RowFile;
import org.gatun.backend.suite.SuiteOptions;
import org.gatun.backend.suite.SuiteRow;
import org.gatun.backend.suite.SuiteRunner;
import org.gatun.kernel.KernelHost;
import org.gatun.kernel.KernelRegression;
import org.gatun.kernel.KernelRunner;
import org.jspecify.annotations.Nullable;

/** Finds lanes by name, and runs one in this process. */
final class Lanes {
  private Lanes() {}

  /** Lanes of all backends but the reference, which every other is compared with. */
  static List<Lane> all() {
    return Backends.all().stream()
        .filter(p -> !p.name().equals("reference"))
        .flatMap(p -> p.lanes().stream())
        .toList();
  }

  static Lane named(List<Lane> all, String name) {
    if (name.equals("reference")) {
      return Lane.of(name);
    }
    return all.stream()
        .filter(l -> l.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "no lane '" + name + "'; there are " + all.stream().map(Lane::name).toList()));
  }

  /** Runs a lane's cases that have no row yet, and adds their rows. */
  static void run(Lane lane, SuiteOptions options, @Nullable String kernels, Path file)
      throws IOException {
    Set<String> done = new HashSet<>();
    RowFile.read(file).rows().forEach(r -> done.add(r.result().caseId()));
    try (RowFile out = new RowFile(file)) {
      SuiteRunner.Listener listener =
          new SuiteRunner.Listener() {
            @Override
            public void begin(String op, String caseId) {
              out.begin(op, caseId);
            }

            @Override
            public void row(SuiteRow row) {
              out.add(row);
            }
          };
      Predicate<String> wanted = id -> !done.contains(id);
      if (kernels != null) {
        String only = options.caseId();
        KernelHost host =
            KernelHost.all().stream()
                .filter(h -> h.name().equals(lane.backend()))
                .findFirst()
                .orElseThrow();
        new KernelRunner(host, lane.name(), listener)
            .run(
                KernelRegression.instance(kernels).cases(),
                wanted.and(id -> only == null || only.equals(id)));
      } else {
        BackendProvider provider = Backends.named(lane.backend());
        new SuiteRunner(
                provider,
                lane.name(),
                lane.tier(options),
                wanted.and(lane.limit(options)),
                listener)
            .run();
      }
    }
  }
}
