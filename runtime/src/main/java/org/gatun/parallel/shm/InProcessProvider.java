package org.gatun.parallel.shm;

import java.lang.foreign.Arena;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.gatun.parallel.AllReduceAlgorithm;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.CommunicatorException;
import org.gatun.parallel.CommunicatorProvider;
import org.gatun.parallel.GroupSpec;
import org.gatun.parallel.SharedMemoryCost;
import org.jspecify.annotations.Nullable;

/** {@code threads}: ranks are threads of this JVM. Groups with the same job name meet. */
public final class InProcessProvider implements CommunicatorProvider {
  static final long SLOT_BYTES = SharedMemoryProvider.SLOT_BYTES;

  private static final Map<String, Region> GROUPS = new ConcurrentHashMap<>();

  @Override
  public String name() {
    return "threads";
  }

  @Override
  public Optional<String> whyNot() {
    return Optional.empty();
  }

  @Override
  public Communicator open(GroupSpec spec) {
    return open(spec, SharedMemoryCost.DEFAULT, null, SLOT_BYTES);
  }

  static Communicator open(
      GroupSpec spec, SharedMemoryCost cost, @Nullable AllReduceAlgorithm forced, long slotBytes) {
    Region region =
        GROUPS.computeIfAbsent(spec.job(), job -> allocate(spec.worldSize(), slotBytes));
    try {
      if (region.world() != spec.worldSize()) {
        throw Membership.failed(
            region,
            spec.rank(),
            "wants " + spec.worldSize() + " ranks, group " + spec.job() + " has " + region.world());
      }
      Membership.join(region, spec, ProcessHandle.current().pid(), 0);
      Membership.agree(region, spec);
    } catch (CommunicatorException e) {
      GROUPS.remove(spec.job(), region);
      throw e;
    }
    // Complete: the name is free again for a later group.
    GROUPS.remove(spec.job(), region);
    return new SharedCommunicator(region, spec, cost, forced, () -> {});
  }

  private static Region allocate(int world, long slotBytes) {
    var memory = Arena.ofAuto().allocate(Region.bytes(world, slotBytes), 128);
    Region region = new Region(memory, world, slotBytes);
    region.format();
    return region;
  }
}
