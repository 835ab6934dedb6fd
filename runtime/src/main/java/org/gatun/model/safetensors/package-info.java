/**
 * Reads Hugging Face model folders: safetensors (one file or shards with an index), {@code
 * config.json}, {@code tokenizer.json}.
 *
 * <pre>
 * u64 header length, JSON header {name: {dtype, shape, data_offsets: [begin, end]}}, data
 * </pre>
 */
@NullMarked
package org.gatun.model.safetensors;

import org.jspecify.annotations.NullMarked;
