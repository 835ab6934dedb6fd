package org.gatun.model;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Names the content of a model file without reading all of it: a SHA-256 over its size, its header
 * and 64 samples of its data, and for {@link #of} its time of change, which tells a change between
 * the samples too.
 */
public final class ContentKey {
  private static final int SAMPLES = 64;
  private static final int SAMPLE_BYTES = 4096;

  private ContentKey() {}

  /** The key of {@code file}, whose first {@code headerBytes} are hashed whole. */
  public static String of(MappedFile file, long headerBytes) {
    try {
      return of(file, headerBytes, Files.getLastModifiedTime(file.path()).toMillis());
    } catch (IOException e) {
      throw new ModelFormatException(file.path() + ": cannot be read: " + e.getMessage(), e);
    }
  }

  /** The same without the time of change: copies have one name. */
  public static String timeless(MappedFile file, long headerBytes) {
    return of(file, headerBytes, 0);
  }

  private static String of(MappedFile file, long headerBytes, long changed) {
    MessageDigest sha;
    try {
      sha = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
    MemorySegment data = file.data();
    long size = data.byteSize();
    sha.update(ByteBuffer.allocate(16).putLong(size).putLong(changed).flip());
    file.guard(
        () -> {
          for (long at = 0; at < headerBytes; at += 1 << 20) {
            update(sha, data, at, Math.min(1 << 20, headerBytes - at));
          }
          for (int i = 0; i < SAMPLES; i++) {
            long at = headerBytes + (size - headerBytes) / SAMPLES * i;
            update(sha, data, at, Math.min(SAMPLE_BYTES, size - at));
          }
        });
    return HexFormat.of().formatHex(sha.digest(), 0, 16);
  }

  private static void update(MessageDigest sha, MemorySegment data, long at, long bytes) {
    sha.update(data.asSlice(at, bytes).asByteBuffer());
  }
}
