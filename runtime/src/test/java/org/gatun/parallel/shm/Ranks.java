package org.gatun.parallel.shm;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.gatun.parallel.AllReduceAlgorithm;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.SharedMemoryCost;
import org.jspecify.annotations.Nullable;

/** Runs the same code as every rank of an in-process group. */
public final class Ranks {
  private Ranks() {}

  public interface Body<T> {
    T run(Communicator communicator) throws Exception;
  }

  public static <T> List<T> run(int world, Body<T> body) throws Exception {
    return run(world, null, InProcessProvider.SLOT_BYTES, Duration.ofSeconds(30), body);
  }

  static <T> List<T> run(
      int world,
      @Nullable AllReduceAlgorithm algorithm,
      long slotBytes,
      Duration timeout,
      Body<T> body)
      throws Exception {
    String job = UUID.randomUUID().toString();
    try (var pool = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      List<Future<T>> futures = new ArrayList<>();
      for (int r = 0; r < world; r++) {
        GroupSpec spec = GroupSpec.of(r, world, job, "test").withTimeout(timeout);
        futures.add(
            pool.submit(
                () -> {
                  try (Communicator c =
                      InProcessProvider.open(
                          spec, SharedMemoryCost.DEFAULT, algorithm, slotBytes)) {
                    return body.run(c);
                  }
                }));
      }
      List<T> results = new ArrayList<>();
      Exception first = null;
      for (Future<T> f : futures) {
        try {
          results.add(f.get(120, TimeUnit.SECONDS));
        } catch (ExecutionException e) {
          first = e.getCause() instanceof Exception cause ? cause : e;
        }
      }
      if (first != null) {
        throw first;
      }
      return results;
    }
  }
}
