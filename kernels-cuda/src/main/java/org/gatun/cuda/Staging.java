package org.gatun.cuda;

import static org.gatun.bindings.cuda.cuda_h.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Pinned host memory through which all bytes travel: a mapped file must never fault inside a
 * driver's thread. Two halves, so that one is filled while the other is copied.
 */
final class Staging implements AutoCloseable {
  private final CudaDevice device;
  private final MemorySegment pinned;
  private final long half;
  private final MemorySegment[] copied = new MemorySegment[2];
  private int turn;

  Staging(CudaDevice device, long half) {
    this.device = device;
    this.half = half;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment p = arena.allocate(ValueLayout.ADDRESS);
      Cuda.check(cuMemHostAlloc(p, 2 * half, 0), "allocate pinned host memory");
      pinned = p.get(ValueLayout.ADDRESS, 0).reinterpret(2 * half);
      try {
        for (int i = 0; i < 2; i++) {
          Cuda.check(cuEventCreate(p, 2), "create an event");
          copied[i] = p.get(ValueLayout.ADDRESS, 0);
        }
      } catch (RuntimeException e) {
        close();
        throw e;
      }
    }
  }

  /** Bytes one half holds. */
  long capacity() {
    return half;
  }

  /**
   * A half that no copy reads any more. Fill it, then {@link #send} parts of it, then {@link
   * #sent}.
   */
  MemorySegment next() {
    turn ^= 1;
    Cuda.check(cuEventSynchronize(copied[turn]), "wait for an upload");
    return pinned.asSlice(turn * half, half);
  }

  /** Queues a copy of part of the half that {@link #next} gave. */
  void send(long to, MemorySegment from, long offset, long size) {
    if (size > 0) {
      Cuda.check(
          cuMemcpyHtoDAsync_v2(to, from.asSlice(offset, size), size, device.stream()),
          "upload " + size + " bytes");
    }
  }

  /** Marks the end of the copies from the current half. */
  void sent() {
    Cuda.check(cuEventRecord(copied[turn], device.stream()), "record an upload");
  }

  /** Copies bytes from anywhere in host memory; returns when {@code from} may change. */
  void upload(long to, MemorySegment from) {
    for (long at = 0; at < from.byteSize(); at += half) {
      long n = Math.min(half, from.byteSize() - at);
      MemorySegment stage = next();
      MemorySegment.copy(from, at, stage, 0, n);
      send(to + at, stage, 0, n);
      sent();
    }
  }

  @Override
  public void close() {
    cuStreamSynchronize(device.stream());
    for (MemorySegment event : copied) {
      if (event != null) {
        cuEventDestroy_v2(event);
      }
    }
    cuMemFreeHost(pinned);
  }
}
