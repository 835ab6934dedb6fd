package org.gatun.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** STUB */
final class ChatTemplate {
  static String readSource(Path p) throws IOException {
    return Files.readString(p);
  }
}
