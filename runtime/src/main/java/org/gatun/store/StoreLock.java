package org.gatun.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Excludes other processes, by a lock on a file that the operating system lets go when a process
 * ends, and other threads of this one.
 */
final class StoreLock implements AutoCloseable {
  // File locks belong to the process: threads need a lock of their own.
  private static final ReentrantLock THREADS = new ReentrantLock();

  private final FileChannel channel;

  private StoreLock(FileChannel channel) {
    this.channel = channel;
  }

  /** Waits for the lock; {@code waiting} runs first if somebody holds it. */
  static StoreLock acquire(Path file, Runnable waiting) throws IOException {
    if (!THREADS.tryLock()) {
      waiting.run();
      THREADS.lock();
    }
    FileChannel channel = null;
    try {
      Files.createDirectories(file.toAbsolutePath().getParent());
      channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      if (lock == null) {
        waiting.run();
        lock = channel.lock();
      }
      return new StoreLock(channel);
    } catch (IOException | RuntimeException e) {
      THREADS.unlock();
      if (channel != null) {
        channel.close();
      }
      throw e;
    }
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      THREADS.unlock();
    }
  }
}
