package org.gatun.graph;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.gatun.attention.KvPrefix;
import org.gatun.attention.KvSequence;
import org.gatun.attention.KvStore;

/**
 * One ragged forward: rows of any mix of prefill and decode of many sequences. The content lies off
 * the heap as 32-bit integers at fixed offsets, so that a device gets it in one copy and recorded
 * work replays with a new descriptor:
 *
 * <pre>
 *   header      16                rows, sequences, logit rows, longest KV, pages, mask words, slot positions, ints used,
 *                             whether whole logits are wanted
 *   per row     6 × limits.rows        TOKEN  SEQUENCE  POSITION  SLOT  ADAPTER  LOGIT (index or −1)
 *   per logit   6 × limits.logitRows   ROW  TEMPERATURE*  TOP_K  TOP_P*  MIN_P*  UNIFORM*      (* float bits)
 *   per seq    11 × limits.sequences   ROW_START  ROW_COUNT  KV_LENGTH (after the step)  TABLE  MASK  MASK_OFFSET  POSITIONS
 *                                      PREFIX (id or −1)  COARSE*  FINE* (thresholds)  FRESH (first slot not seen before)
 *   pages       limits.pages()         block tables, one after another; TABLE is a sequence's first entry
 *   mask words  limits.maskWords()     explicit masks: ceil(rowCount / 32) words per row, bit j = sees row j of the step
 *   positions   limits.slots           position of each slot of sequences whose slots are not positions
 * </pre>
 *
 * Row {@code i} of a sequence writes slot {@code KV_LENGTH − ROW_COUNT + i}. Rows of one sequence
 * are adjacent. Behind a prefix, slot 0 has the position that follows it: while POSITIONS is −1,
 * distances between slots are distances between positions, and windows compare slots.
 */
public final class Step implements AutoCloseable {
  /** Header fields. */
  public static final int ROWS = 0,
      SEQUENCES = 1,
      LOGIT_ROWS = 2,
      MAX_KV = 3,
      USED = 7,
      WHOLE_LOGITS = 8,
      HEADER = 16;

  /** Fields of a row, each an array of {@code limits.rows} ints. */
  public static final int TOKEN = 0,
      SEQUENCE = 1,
      POSITION = 2,
      SLOT = 3,
      ADAPTER = 4,
      LOGIT = 5,
      ROW_FIELDS = 6;

  /** Fields of a logit row, each an array of {@code limits.logitRows} ints. */
  public static final int ROW = 0,
      TEMPERATURE = 1,
      TOP_K = 2,
      TOP_P = 3,
      MIN_P = 4,
      UNIFORM = 5,
      LOGIT_FIELDS = 6;

  /** Fields of a sequence, each an array of {@code limits.sequences} ints. */
  public static final int ROW_START = 0,
      ROW_COUNT = 1,
      KV_LENGTH = 2,
      TABLE = 3,
      MASK = 4,
      MASK_OFFSET = 5;

  /**
   * Offset of a sequence's slot positions, or −1 while they are the slots' numbers plus a constant.
   */
  public static final int POSITIONS = 6;

  /**
   * The sequence's prefix ({@link org.gatun.attention.KvPrefix#id}, −1 for none), the thresholds of
   * its coarse and fine clusters, and {@link KvSequence#freshFrom}.
   */
  public static final int PREFIX = 7, COARSE = 8, FINE = 9, FRESH = 10, SEQUENCE_FIELDS = 11;

  /** Values of {@link #MASK}. */
  public static final int MASK_CAUSAL = 0, MASK_FULL = 1, MASK_EXPLICIT = 2;

  private final StepLimits limits;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment data;
  private final List<KvSequence> kv = new ArrayList<>();
  private final int rowBase;
  private final int logitBase;
  private final int sequenceBase;
  private final int pageBase;
  private final int maskBase;
  private final int positionBase;
  private int rows;
  private int logitRows;
  private int pages;
  private int maskWords;
  private int positions;

  /** An empty step for a program with these limits. */
  public Step(StepLimits limits) {
    this.limits = limits;
    rowBase = HEADER;
    logitBase = rowBase + ROW_FIELDS * limits.rows();
    sequenceBase = logitBase + LOGIT_FIELDS * limits.logitRows();
    pageBase = sequenceBase + SEQUENCE_FIELDS * limits.sequences();
    maskBase = pageBase + limits.pages();
    positionBase = maskBase + limits.maskWords();
    data = arena.allocate(4L * (positionBase + limits.slots()), 64);
  }

  /** Forgets all rows. */
  public void clear() {
    rows = logitRows = pages = maskWords = positions = 0;
    kv.clear();
    for (int i = 0; i < HEADER; i++) {
      put(i, 0);
    }
  }

  /** Adds a sequence's rows at the positions that follow its last; the last row wants logits. */
  public int add(KvSequence sequence, int[] tokens, Sampling sampling) {
    int s = begin(sequence, tokens.length, Mask.CAUSAL);
    for (int i = 0; i < tokens.length; i++) {
      row(s, i, tokens[i], sequence.nextPosition() + i);
    }
    want(s, tokens.length - 1, sampling);
    return s;
  }

  /**
   * Opens a sequence of {@code count} rows: reserves its slots and writes its table and mask.
   * Follow with one {@link #row} per row.
   *
   * @throws org.gatun.attention.KvFullException if the KV pool is full
   * @throws IllegalArgumentException if the step has no room: the message names the limit
   */
  public int begin(KvSequence sequence, int count, Mask mask) {
    int s = kv.size();
    int length = sequence.length() + count;
    room("rows", rows + count, limits.rows());
    room("sequences", s + 1, limits.sequences());
    int tableSize = Math.ceilDiv(length, KvStore.PAGE_SLOTS);
    room("pages", pages + tableSize, limits.pages());
    int words = mask instanceof Mask.Explicit ? count * Math.ceilDiv(count, 32) : 0;
    room("mask words", maskWords + words, limits.maskWords());
    sequence.reserve(count);
    kv.add(sequence);
    putSequence(ROW_START, s, rows);
    putSequence(ROW_COUNT, s, count);
    putSequence(KV_LENGTH, s, length);
    putSequence(TABLE, s, pages);
    for (int i = 0; i < tableSize; i++) {
      put(pageBase + pages++, sequence.page(i));
    }
    putSequence(MASK_OFFSET, s, maskWords);
    putSequence(
        MASK,
        s,
        switch (mask) {
          case Mask.Causal c -> MASK_CAUSAL;
          case Mask.Full f -> MASK_FULL;
          case Mask.Explicit e -> writeMask(e, count);
        });
    putSequence(POSITIONS, s, -1);
    KvPrefix prefix = sequence.prefix();
    putSequence(PREFIX, s, prefix == null ? -1 : prefix.id());
    putSequence(COARSE, s, Float.floatToRawIntBits(sequence.thresholds().coarse()));
    putSequence(FINE, s, Float.floatToRawIntBits(sequence.thresholds().fine()));
    putSequence(FRESH, s, sequence.freshFrom());
    for (int i = 0; i < count; i++) {
      put(rowBase + SEQUENCE * limits.rows() + rows + i, s);
      put(rowBase + SLOT * limits.rows() + rows + i, sequence.length() + i);
      put(rowBase + ADAPTER * limits.rows() + rows + i, 0);
      put(rowBase + LOGIT * limits.rows() + rows + i, -1);
    }
    rows += count;
    put(ROWS, rows);
    put(SEQUENCES, kv.size());
    put(MAX_KV, Math.max(get(MAX_KV), length));
    return s;
  }

  /** Sets row {@code i} of sequence {@code s}. */
  public void row(int s, int i, int token, int position) {
    int r = sequence(ROW_START, s) + i;
    put(rowBase + TOKEN * limits.rows() + r, token);
    put(rowBase + POSITION * limits.rows() + r, position);
    kv.get(s).place(i, position);
  }

  /** Chooses the adapter of row {@code i} of sequence {@code s}; 0 is none. */
  public void adapter(int s, int i, int adapter) {
    put(rowBase + ADAPTER * limits.rows() + sequence(ROW_START, s) + i, adapter);
  }

  /**
   * Asks for the logits of row {@code i} of sequence {@code s}; returns their row among the logits.
   */
  public int want(int s, int i, Sampling how) {
    room("logit rows", logitRows + 1, limits.logitRows());
    int r = sequence(ROW_START, s) + i;
    int l = logitRows++;
    put(rowBase + LOGIT * limits.rows() + r, l);
    putLogit(ROW, l, r);
    putLogit(TEMPERATURE, l, Float.floatToRawIntBits(how.temperature()));
    putLogit(TOP_K, l, how.topK());
    putLogit(TOP_P, l, Float.floatToRawIntBits(how.topP()));
    putLogit(MIN_P, l, Float.floatToRawIntBits(how.minP()));
    putLogit(UNIFORM, l, Float.floatToRawIntBits(how.uniform()));
    put(LOGIT_ROWS, logitRows);
    if (!how.isFromCandidates()) {
      wantWholeLogits();
    }
    return l;
  }

  /**
   * Asks for output {@code logits} whole. Ranks that share a vocabulary gather it only then; one
   * rank alone always has it. Rows whose {@link Sampling} needs it ask by themselves.
   */
  public void wantWholeLogits() {
    put(WHOLE_LOGITS, 1);
  }

  /** Whether whole logits were asked for. */
  public boolean wholeLogits() {
    return get(WHOLE_LOGITS) != 0;
  }

  /**
   * Writes what depends on all rows (slot positions, the used size). A program calls it before it
   * runs the step.
   */
  public void seal() {
    for (int s = 0; s < kv.size(); s++) {
      KvSequence q = kv.get(s);
      if (!q.slotIsPosition() && sequence(POSITIONS, s) < 0) {
        int length = sequence(KV_LENGTH, s);
        room("slot positions", positions + length, limits.slots());
        putSequence(POSITIONS, s, positions);
        for (int i = 0; i < length; i++) {
          put(positionBase + positions + i, q.position(i));
        }
        positions += length;
      }
    }
    put(4, pages);
    put(5, maskWords);
    put(6, positions);
    put(USED, positionBase + positions);
  }

  /** Keeps the rows the step wrote: called once, after the program ran it. */
  public void commit() {
    for (int s = 0; s < kv.size(); s++) {
      kv.get(s).commit(sequence(ROW_COUNT, s));
    }
  }

  /** Rows in the step. */
  public int rows() {
    return rows;
  }

  /** Rows that want logits. */
  public int logitRows() {
    return logitRows;
  }

  /** Sequences in the step. */
  public int sequences() {
    return kv.size();
  }

  /** A field of row {@code r}: one of {@link #TOKEN} … {@link #LOGIT}. */
  public int row(int field, int r) {
    return get(rowBase + field * limits.rows() + r);
  }

  /** A field of logit row {@code l}: one of {@link #ROW} … {@link #UNIFORM}. */
  public int logit(int field, int l) {
    return get(logitBase + field * limits.logitRows() + l);
  }

  /** A float field of logit row {@code l}. */
  public float logitFloat(int field, int l) {
    return Float.intBitsToFloat(logit(field, l));
  }

  /** A field of sequence {@code s}: one of {@link #ROW_START} … {@link #FRESH}. */
  public int sequence(int field, int s) {
    return get(sequenceBase + field * limits.sequences() + s);
  }

  /** A float field of sequence {@code s}. */
  public float sequenceFloat(int field, int s) {
    return Float.intBitsToFloat(sequence(field, s));
  }

  /** Physical page that holds this slot of sequence {@code s}. */
  public int page(int s, int slot) {
    return get(pageBase + sequence(TABLE, s) + slot / KvStore.PAGE_SLOTS);
  }

  /**
   * True if row {@code r} sees this slot of its own sequence through a layer with this window.
   *
   * @param window keys seen, the row's own included; 0 for all
   */
  public boolean visible(int r, int slot, int window) {
    int s = row(SEQUENCE, r);
    int count = sequence(ROW_COUNT, s);
    int base = sequence(KV_LENGTH, s) - count;
    if (window > 0 && distance(r, s, slot) >= window) {
      return false;
    }
    if (slot < base) {
      return true;
    }
    int i = r - sequence(ROW_START, s);
    int j = slot - base;
    return switch (sequence(MASK, s)) {
      case MASK_CAUSAL -> j <= i;
      case MASK_FULL -> true;
      default -> {
        int word = sequence(MASK_OFFSET, s) + i * Math.ceilDiv(count, 32) + j / 32;
        yield (get(maskBase + word) >>> (j % 32) & 1) != 0;
      }
    };
  }

  private int distance(int r, int s, int slot) {
    int p = sequence(POSITIONS, s);
    return p < 0 ? row(SLOT, r) - slot : row(POSITION, r) - get(positionBase + p + slot);
  }

  /** The limits the offsets come from. */
  public StepLimits limits() {
    return limits;
  }

  /** All ints; the first {@code USED} of them matter. */
  public MemorySegment data() {
    return data;
  }

  /** Index of the first int of a row field's array. */
  public int rowOffset(int field) {
    return rowBase + field * limits.rows();
  }

  /** Index of the first int of a logit field's array. */
  public int logitOffset(int field) {
    return logitBase + field * limits.logitRows();
  }

  /** Index of the first int of a sequence field's array. */
  public int sequenceOffset(int field) {
    return sequenceBase + field * limits.sequences();
  }

  /** Index of the first block-table entry. */
  public int pageOffset() {
    return pageBase;
  }

  /** Index of the first mask word. */
  public int maskOffset() {
    return maskBase;
  }

  /** Index of the first slot position. */
  public int positionOffset() {
    return positionBase;
  }

  @Override
  public void close() {
    arena.close();
  }

  private int writeMask(Mask.Explicit e, int count) {
    if (e.rows() != count) {
      throw new IllegalArgumentException("mask of " + e.rows() + " rows for " + count);
    }
    int stride = Math.ceilDiv(count, 32);
    for (int i = 0; i < count; i++) {
      for (int w = 0; w < stride; w++) {
        int bits = 0;
        for (int j = w * 32; j < Math.min(count, w * 32 + 32); j++) {
          bits |= e.visible().get(i * count + j) ? 1 << (j % 32) : 0;
        }
        put(maskBase + maskWords + i * stride + w, bits);
      }
    }
    maskWords += count * stride;
    return MASK_EXPLICIT;
  }

  private static void room(String what, int need, int limit) {
    if (need > limit) {
      throw new IllegalArgumentException(
          "a step of " + need + " " + what + " is over the limit of " + limit);
    }
  }

  private void putSequence(int field, int s, int value) {
    put(sequenceBase + field * limits.sequences() + s, value);
  }

  private void putLogit(int field, int l, int value) {
    put(logitBase + field * limits.logitRows() + l, value);
  }

  private void put(int index, int value) {
    data.setAtIndex(ValueLayout.JAVA_INT, index, value);
  }

  private int get(int index) {
    return data.getAtIndex(ValueLayout.JAVA_INT, index);
  }
}
