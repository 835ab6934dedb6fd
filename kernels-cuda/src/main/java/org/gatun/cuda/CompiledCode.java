package org.gatun.cuda;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Machine code that the driver made of PTX, kept on disk. A file's name is the hash of everything
 * that decides its content: the PTX, the device's architecture, the driver's version. Its first 32
 * bytes are the hash of the rest, so that a file cut short or altered is compiled anew.
 */
final class CompiledCode {
  private static final int HASH_BYTES = 32;

  /** What makes machine code of PTX. */
  @FunctionalInterface
  interface Compiler {
    byte[] compile(byte[] ptx);
  }

  private CompiledCode() {}

  /**
   * The code of these kernels: from the cache, else compiled and put there. A cache that cannot be
   * written costs time, not the run.
   *
   * @param dir the cache's folder; null keeps nothing
   * @param target architecture and driver version
   */
  static byte[] of(byte[] ptx, @Nullable Path dir, String target, Compiler compiler) {
    if (dir == null) {
      return compiler.compile(ptx);
    }
    Path file = dir.resolve("cuda").resolve(name(ptx, target));
    byte[] known = read(file);
    if (known != null) {
      return known;
    }
    byte[] code = compiler.compile(ptx);
    write(file, code);
    return code;
  }

  /** The file's name in the cache. */
  static String name(byte[] ptx, String target) {
    MessageDigest d = sha256();
    d.update(target.getBytes(StandardCharsets.UTF_8));
    d.update((byte) 0);
    return HexFormat.of().formatHex(d.digest(ptx), 0, 16) + ".cubin";
  }

  private static byte @Nullable [] read(Path file) {
    try {
      byte[] all = Files.readAllBytes(file);
      if (all.length > HASH_BYTES) {
        byte[] code = Arrays.copyOfRange(all, HASH_BYTES, all.length);
        if (Arrays.equals(sha256().digest(code), 0, HASH_BYTES, all, 0, HASH_BYTES)) {
          return code;
        }
      }
      return null;
    } catch (IOException e) {
      return null; // not there, or not readable: compiled again
    }
  }

  private static void write(Path file, byte[] code) {
    try {
      Files.createDirectories(file.getParent());
      Path part = Files.createTempFile(file.getParent(), "part", ".cubin");
      try {
        ByteBuffer all = ByteBuffer.allocate(HASH_BYTES + code.length);
        Files.write(part, all.put(sha256().digest(code)).put(code).array());
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      } finally {
        Files.deleteIfExists(part);
      }
    } catch (IOException e) {
      System.getLogger(CompiledCode.class.getName())
          .log(
              System.Logger.Level.WARNING,
              "compiled kernels are not kept: {0} cannot be written ({1})",
              file,
              e.getMessage());
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e); // every Java has it
    }
  }
}
