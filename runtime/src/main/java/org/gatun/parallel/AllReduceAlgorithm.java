package org.gatun.parallel;

/** How ranks that read each other's memory add up a message. Both give the same bits. */
public enum AllReduceAlgorithm {
  /** Every rank reads all contributions and adds them all: one meeting, (t-1)·n bytes read. */
  ONE_SHOT,
  /** Rank r adds slice r, then all copy the slices: two meetings, 2·(t-1)/t·n bytes read. */
  TWO_SHOT
}
