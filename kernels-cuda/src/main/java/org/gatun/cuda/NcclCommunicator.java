package org.gatun.cuda;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.gatun.parallel.Communicator;
import org.gatun.parallel.ReduceType;
import org.gatun.parallel.Stage;

/**
 * A group whose device collectives go through NCCL. What ranks exchange on the host (the unique id,
 * identities, barriers) goes through the control channel that it wraps.
 */
final class NcclCommunicator implements Communicator {
  private final Communicator control;

  NcclCommunicator(Communicator control) {
    this.control = control;
  }

  @Override
  public int rank() {
    return control.rank();
  }

  @Override
  public int worldSize() {
    return control.worldSize();
  }

  @Override
  public void allReduce(MemorySegment buffer, ReduceType type) {
    control.allReduce(buffer, type);
  }

  @Override
  public void allGather(MemorySegment send, MemorySegment receive) {
    control.allGather(send, receive);
  }

  @Override
  public void reduceScatter(MemorySegment send, MemorySegment receive, ReduceType type) {
    control.reduceScatter(send, receive, type);
  }

  @Override
  public void broadcast(MemorySegment buffer, int root) {
    control.broadcast(buffer, root);
  }

  @Override
  public void barrier() {
    control.barrier();
  }

  @Override
  public void rendezvous(Stage stage) {
    control.rendezvous(stage);
  }

  @Override
  public Duration timeout() {
    return control.timeout();
  }

  @Override
  public void abort(String cause) {
    control.abort(cause);
  }

  @Override
  public void close() {
    control.close();
  }
}
