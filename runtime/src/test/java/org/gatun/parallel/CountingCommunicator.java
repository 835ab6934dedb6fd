package org.gatun.parallel;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Notes what a rank contributes to each collective, and passes it on. */
public final class CountingCommunicator implements Communicator {
  /** One collective: its name, and the bytes that this rank brought. */
  public record Call(String name, long bytes) {
    /** Messages that a rank sends with ring algorithms. */
    public int ringMessages(int world) {
      return (name.equals("all_reduce") ? 2 : 1) * (world - 1);
    }

    /** Bytes that a rank sends with ring algorithms. */
    public long ringBytes(int world) {
      return name.equals("all_reduce") ? 2 * (world - 1) * bytes / world : (world - 1) * bytes;
    }
  }

  private final Communicator group;
  private final List<Call> calls = new ArrayList<>();

  public CountingCommunicator(Communicator group) {
    this.group = group;
  }

  /** The calls since the last time, in order. */
  public synchronized List<Call> take() {
    List<Call> taken = List.copyOf(calls);
    calls.clear();
    return taken;
  }

  private synchronized void count(String name, MemorySegment own) {
    calls.add(new Call(name, own.byteSize()));
  }

  @Override
  public int rank() {
    return group.rank();
  }

  @Override
  public int worldSize() {
    return group.worldSize();
  }

  @Override
  public void allReduce(MemorySegment buffer, ReduceType type) {
    count("all_reduce", buffer);
    group.allReduce(buffer, type);
  }

  @Override
  public void allGather(MemorySegment send, MemorySegment receive) {
    count("all_gather", send);
    group.allGather(send, receive);
  }

  @Override
  public void reduceScatter(MemorySegment send, MemorySegment receive, ReduceType type) {
    count("reduce_scatter", send);
    group.reduceScatter(send, receive, type);
  }

  @Override
  public void broadcast(MemorySegment buffer, int root) {
    count("broadcast", buffer);
    group.broadcast(buffer, root);
  }

  @Override
  public void barrier() {
    count("barrier", MemorySegment.NULL);
    group.barrier();
  }

  @Override
  public void rendezvous(Stage stage) {
    group.rendezvous(stage);
  }

  @Override
  public void abort(String cause) {
    group.abort(cause);
  }

  @Override
  public void close() {
    group.close();
  }
}
