package org.gatun.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code gatun models}: the models on this machine. */
@Command(
    name = "models",
    description = "List, fetch and remove models.",
    mixinStandardHelpOptions = true)
final class ModelsCommand implements Runnable {
  @Override
  public void run() {
    CommandLine.usage(this, System.out);
  }
}
