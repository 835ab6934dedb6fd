/**
 * Reads and writes GGUF, the model file of llama.cpp (versions 2 and 3, little-endian).
 *
 * <pre>
 * "GGUF" u32 version  u64 tensors  u64 pairs
 * pairs:    string key, u32 type, value
 * tensors:  string name, u32 dims, u64 dim[], u32 type, u64 offset from the data section
 * padding to general.alignment (32), then the data section
 * </pre>
 */
@NullMarked
package org.gatun.model.gguf;

import org.jspecify.annotations.NullMarked;
