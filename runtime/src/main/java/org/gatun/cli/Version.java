package org.gatun.cli;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IVersionProvider;

/** Gatun's version and the JVM it runs on. */
final class Version implements IVersionProvider {
  @Override
  public String[] getVersion() {
    @Nullable String v = Version.class.getPackage().getImplementationVersion();
    return new String[] {
      "gatun " + (v == null ? "0.1.0-SNAPSHOT" : v),
      "Java " + Runtime.version() + " (" + System.getProperty("java.vm.name") + ")"
    };
  }
}
