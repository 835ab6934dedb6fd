package org.gatun.model.gguf;

/** The types of metadata values; the ordinal is the number in the file. */
enum GgufValueType {
  U8(1),
  I8(1),
  U16(2),
  I16(2),
  U32(4),
  I32(4),
  F32(4),
  BOOL(1),
  STRING(8),
  ARRAY(12),
  U64(8),
  I64(8),
  F64(8);

  private static final GgufValueType[] VALUES = values();

  /** The fewest bytes that a value takes. */
  final int minBytes;

  GgufValueType(int minBytes) {
    this.minBytes = minBytes;
  }

  static GgufValueType read(GgufCursor in, String what) {
    int id = in.i32("the type of " + what);
    if (id < 0 || id >= VALUES.length) {
      throw in.error(
          "%s has the unknown value type %s; the file is damaged or newer than Gatun"
              .formatted(what, Integer.toUnsignedString(id)));
    }
    return VALUES[id];
  }

  Object readValue(GgufCursor in, String what) {
    return switch (this) {
      case U8 -> (long) in.u8(what);
      case I8 -> (long) (byte) in.u8(what);
      case U16 -> in.i16(what) & 0xFFFFL;
      case I16 -> (long) in.i16(what);
      case U32 -> in.i32(what) & 0xFFFF_FFFFL;
      case I32 -> (long) in.i32(what);
      case F32 -> Float.intBitsToFloat(in.i32(what));
      case BOOL -> in.u8(what) != 0;
      case STRING -> in.string(what, GgufCursor.MAX_STRING);
      case ARRAY -> readArray(in, what);
      case U64, I64 -> in.i64(what);
      case F64 -> Double.longBitsToDouble(in.i64(what));
    };
  }

  private static Object readArray(GgufCursor in, String what) {
    GgufValueType element = read(in, "the array " + what);
    int n = (int) in.count("the length of " + what, element.minBytes, GgufCursor.MAX_ARRAY);
    return switch (element) {
      case U8, BOOL -> in.bytes(what, n, false);
      case I8 -> in.bytes(what, n, true);
      case U16 -> in.shorts(what, n, false);
      case I16 -> in.shorts(what, n, true);
      case U32, I32 -> in.ints(what, n);
      case F32 -> in.floats(what, n);
      case STRING -> in.strings(what, n);
      case U64, I64 -> in.longs(what, n);
      case F64 -> in.doubles(what, n);
      case ARRAY -> throw in.error(what + " is an array of arrays, which Gatun does not read");
    };
  }
}
