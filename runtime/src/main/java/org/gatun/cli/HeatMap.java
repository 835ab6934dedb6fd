package org.gatun.cli;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;

/** Rows of values in 0 … 1 as an image: SVG with labels, or PNG without a library for it. */
final class HeatMap {
  private static final int CELL = 6;
  private static final int HEIGHT = 18;
  // Dark blue over teal to yellow, evenly lighter: after the perceptual map viridis.
  private static final int[][] COLOURS = {
    {68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}
  };

  private final String title;
  private final List<String> labels;
  private final double[][] rows;

  HeatMap(String title, List<String> labels, double[][] rows) {
    this.title = title;
    this.labels = labels;
    this.rows = rows;
  }

  private static int[] colour(double v) {
    double x = Math.clamp(v, 0, 1) * (COLOURS.length - 1);
    int i = Math.min(COLOURS.length - 2, (int) x);
    int[] c = new int[3];
    for (int j = 0; j < 3; j++) {
      c[j] = (int) Math.round(COLOURS[i][j] + (x - i) * (COLOURS[i + 1][j] - COLOURS[i][j]));
    }
    return c;
  }

  /** One page with a row per label, and a scale. */
  String svg() {
    int left = 170;
    int width = left + rows[0].length * CELL + 20;
    int top = 40;
    int height = top + rows.length * HEIGHT + 50;
    StringBuilder s = new StringBuilder();
    s.append(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">%n"
            .formatted(width, height));
    s.append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
    s.append("<text x=\"8\" y=\"22\" font-size=\"14\">%s</text>%n".formatted(title));
    for (int r = 0; r < rows.length; r++) {
      int y = top + r * HEIGHT;
      s.append("<text x=\"8\" y=\"%d\">%s</text>%n".formatted(y + 13, labels.get(r)));
      for (int b = 0; b < rows[r].length; b++) {
        rect(s, left + b * CELL, y, CELL, HEIGHT - 2, rows[r][b]);
      }
    }
    int y = top + rows.length * HEIGHT + 14;
    s.append("<text x=\"8\" y=\"%d\">share read: 0</text>%n".formatted(y + 12));
    for (int i = 0; i <= 40; i++) {
      rect(s, left - 60 + i * 4, y, 4, 14, i / 40.0);
    }
    s.append("<text x=\"%d\" y=\"%d\">1</text>%n".formatted(left + 110, y + 12));
    return s.append("</svg>\n").toString();
  }

  private static void rect(StringBuilder s, int x, int y, int w, int h, double v) {
    int[] c = colour(v);
    s.append(
        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%02x%02x%02x\"/>%n"
            .formatted(x, y, w, h, c[0], c[1], c[2]));
  }

  /** The cells alone as 8-bit RGB; rows from top to bottom as in the SVG. */
  byte[] png() throws IOException {
    int w = rows[0].length * CELL;
    int h = rows.length * HEIGHT;
    ByteArrayOutputStream raw = new ByteArrayOutputStream();
    for (int y = 0; y < h; y++) {
      raw.write(0);
      boolean gap = y % HEIGHT >= HEIGHT - 2;
      for (int x = 0; x < w; x++) {
        int[] c = gap ? new int[] {255, 255, 255} : colour(rows[y / HEIGHT][x / CELL]);
        raw.write(c[0]);
        raw.write(c[1]);
        raw.write(c[2]);
      }
    }
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (DeflaterOutputStream d = new DeflaterOutputStream(packed)) {
      raw.writeTo(d);
    }
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    DataOutputStream data = new DataOutputStream(head);
    data.writeInt(w);
    data.writeInt(h);
    data.write(new byte[] {8, 2, 0, 0, 0});
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    png.write(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'});
    chunk(png, "IHDR", head.toByteArray());
    chunk(png, "IDAT", packed.toByteArray());
    chunk(png, "IEND", new byte[0]);
    return png.toByteArray();
  }

  private static void chunk(ByteArrayOutputStream to, String type, byte[] content)
      throws IOException {
    DataOutputStream out = new DataOutputStream(to);
    byte[] name = type.getBytes(StandardCharsets.US_ASCII);
    out.writeInt(content.length);
    out.write(name);
    out.write(content);
    CRC32 crc = new CRC32();
    crc.update(name);
    crc.update(content);
    out.writeInt((int) crc.getValue());
  }
}
