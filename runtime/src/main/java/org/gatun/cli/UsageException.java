package org.gatun.cli;

/** Flags that do not fit: exit code 2. */
final class UsageException extends RuntimeException {
  UsageException(String message) {
    super(message);
  }
}
