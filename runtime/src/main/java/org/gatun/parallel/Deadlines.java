package org.gatun.parallel;

import java.time.Duration;
import java.util.Map;

/**
 * How long ranks wait for each other.
 *
 * @param join for all ranks to join
 * @param stage at the end of a {@link Stage}, for a rank that is not through yet
 * @param collective in one collective, for a rank that is alive but does not arrive
 * @param heartbeat for a sign of life of a process
 */
public record Deadlines(Duration join, Duration stage, Duration collective, Duration heartbeat) {
  /** 10 minutes to join, 10 more for the slower ones to load, 30 s to arrive, 4 s of silence. */
  public static final Deadlines DEFAULT =
      new Deadlines(
          Duration.ofMinutes(10),
          Duration.ofMinutes(10),
          Duration.ofSeconds(30),
          Duration.ofSeconds(4));

  /**
   * The defaults, but what an environment says otherwise: whole seconds in {@code
   * GATUN_JOIN_SECONDS}, {@code GATUN_LOAD_SECONDS} and {@code GATUN_COLLECTIVE_SECONDS}.
   *
   * @throws CommunicatorException if one is no number of seconds
   */
  public static Deadlines of(Map<String, String> env) {
    return new Deadlines(
        seconds(env, "GATUN_JOIN_SECONDS", DEFAULT.join),
        seconds(env, "GATUN_LOAD_SECONDS", DEFAULT.stage),
        seconds(env, "GATUN_COLLECTIVE_SECONDS", DEFAULT.collective),
        DEFAULT.heartbeat);
  }

  private static Duration seconds(Map<String, String> env, String name, Duration missing) {
    String text = env.getOrDefault(name, "").strip();
    if (text.isEmpty()) {
      return missing;
    }
    // A week is longer than anybody waits, and far from what nanoseconds hold.
    if (!text.matches("[0-9]{1,6}") || text.matches("0+")) {
      throw new CommunicatorException(
          -1, name + "=" + text + " is no number of seconds from 1 to 999999; correct or unset it");
    }
    return Duration.ofSeconds(Integer.parseInt(text));
  }

  /** The same with another deadline for joining. */
  public Deadlines withJoin(Duration value) {
    return new Deadlines(value, stage, collective, heartbeat);
  }

  /** The same with another deadline for stages. */
  public Deadlines withStage(Duration value) {
    return new Deadlines(join, value, collective, heartbeat);
  }

  /** The same with another deadline for collectives. */
  public Deadlines withCollective(Duration value) {
    return new Deadlines(join, stage, value, heartbeat);
  }
}
